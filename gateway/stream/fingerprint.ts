import { createHash } from 'node:crypto';
import type { Payload } from '../../protocol/payload.ts';

/** Tells one payload from another under the same id: 96 bits, base64url. */
export function fingerprint({ encoding, bytes }: Payload): string {
  return createHash('sha256').update(encoding).update(bytes).digest('base64url').slice(0, 16);
}
