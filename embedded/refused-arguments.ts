/** What Node's `parseArgs` says of arguments that it refuses, as one line that names the help. */
export function refusedArguments(error: unknown, help: string): string {
  const [reason = ''] = (error instanceof Error ? error.message : String(error)).split(/\.\s|\n/);
  return `${reason.replace(/\.$/, '')}. See: ${help}`;
}
