/**
 * An error as the log shows it: name, message, code and stack, with those of its causes. Nothing
 * else that an error carries: the Redis client hangs the command on its errors, and the command
 * that failed may be AUTH.
 */
export function loggedError(error: unknown): object {
  if (!(error instanceof Error)) return { message: String(error) };
  const { name, message } = error;
  const code = 'code' in error ? { code: String(error.code) } : {};
  return { type: name, message, ...code, stack: stackOf(error) };
}

/** No chain of causes is longer. */
const CAUSES = 5;

function stackOf(error: Error): string {
  const stacks: string[] = [];
  let one: unknown = error;
  while (one instanceof Error && stacks.length < CAUSES) {
    stacks.push(one.stack ?? `${one.name}: ${one.message}`);
    one = one.cause;
  }
  return stacks.join('\ncaused by: ');
}
