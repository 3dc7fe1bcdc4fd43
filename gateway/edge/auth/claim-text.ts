/** Characters of a name or a key that a token carries. */
export const MAX_NAME = 256;

/** Of a text or a number; anything else is no key, and no reason to refuse anybody. */
export function claimText(claim: unknown): string | undefined {
  if (typeof claim !== 'string' && typeof claim !== 'number') return undefined;
  const key = String(claim);
  return key.length <= MAX_NAME ? key : undefined;
}
