import { createPublicKey, type KeyObject } from 'node:crypto';
import { isFields } from '../../protocol/fields.ts';

/** Keys that are kept ready; more than a ring has members. */
const KEYS_MAX = 2_000;

/** The Ed25519 keys by which gateways know what another one signed. */
export class PodKeys {
  readonly #keyOf: (pod: string) => string | undefined;
  readonly #keys = new Map<string, KeyObject>();

  /** `keyOf`: a pod's public key, 32 bytes as base64url. Undefined: it is not known here. */
  constructor(keyOf: (pod: string) => string | undefined) {
    this.#keyOf = keyOf;
  }

  /** Undefined: nobody here knows it. */
  of(pod: string): KeyObject | undefined {
    const text = this.#keyOf(pod);
    if (text === undefined) return undefined;
    let key = this.#keys.get(text);
    if (key === undefined) {
      key = publicKey(text);
      if (key === undefined) return undefined;
      if (this.#keys.size >= KEYS_MAX) this.#keys.clear();
      this.#keys.set(text, key);
    }
    return key;
  }
}

function publicKey(x: string): KeyObject | undefined {
  try {
    return createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' });
  } catch {
    // A pod of another version says something else here.
    return undefined;
  }
}

/** The public half as pods tell it. */
export function publicHalf(key: KeyObject): string {
  const jwk: unknown = createPublicKey(key).export({ format: 'jwk' });
  return isFields(jwk) ? String(jwk['x']) : '';
}
