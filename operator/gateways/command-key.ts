import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
} from 'node:crypto';
import { calculateJwkThumbprint, exportJWK, SignJWT } from 'jose';
import type { Clock } from '../../protocol/clock.ts';

/** Gateways take no token that lives for longer than a minute; half of it is enough for a call. */
const LIFE_S = 30;
/** Clocks of machines differ. */
const BEFORE_S = 5;
const ALGORITHM = 'EdDSA';

/** A new key, as it is kept in a Secret: PEM (PKCS #8). */
export function newCommandKey(): string {
  const { privateKey } = generateKeyPairSync('ed25519');
  return privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
}

/** Signs the tokens by which gateways take commands from the operator. */
export class CommandKey {
  readonly #key: KeyObject;
  readonly #id: string;
  /** JWK Set with the public half, for the file of a gateway's setting `admin.keysFile`. */
  readonly publicKeys: string;

  private constructor(key: KeyObject, id: string, publicKeys: string) {
    this.#key = key;
    this.#id = id;
    this.publicKeys = publicKeys;
  }

  /** `pem`: as `newCommandKey` makes it. Throws for anything else, without quoting it. */
  static async read(pem: string): Promise<CommandKey> {
    const key = privateKeyIn(pem);
    const jwk = await exportJWK(createPublicKey(key));
    const kid = await calculateJwkThumbprint(jwk);
    const keys = [{ ...jwk, alg: ALGORITHM, use: 'sig', kid }];
    return new CommandKey(key, kid, JSON.stringify({ keys }));
  }

  /** For one gateway: the uid of its pod, since another pod may have had its name. */
  token(audience: string, clock: Pick<Clock, 'wall'>): Promise<string> {
    const now = Math.floor(clock.wall() / 1_000);
    return new SignJWT()
      .setProtectedHeader({ alg: ALGORITHM, kid: this.#id })
      .setAudience(audience)
      .setIssuedAt(now)
      .setNotBefore(now - BEFORE_S)
      .setExpirationTime(now + LIFE_S)
      .sign(this.#key);
  }
}

function privateKeyIn(pem: string): KeyObject {
  let key: KeyObject | undefined;
  try {
    key = createPrivateKey(pem);
  } catch {
    // What it throws may quote the key.
  }
  if (key?.asymmetricKeyType === 'ed25519') return key;
  throw new TypeError('the key for commands is no private Ed25519 key (PEM)');
}
