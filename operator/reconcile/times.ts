/** Times of the API, of JSON: milliseconds since 1970. 0 for none. */
export function timeOf(text: string | undefined): number {
  const at = Date.parse(text ?? '');
  return Number.isNaN(at) ? 0 : at;
}

/** As Kubernetes writes them: in whole seconds. */
export const timeText = (wallMs: number): string =>
  new Date(wallMs).toISOString().replace(/\.\d+Z$/, 'Z');
