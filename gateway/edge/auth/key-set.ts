import { type CryptoKey, importJWK, type JWK } from 'jose';
import { isFields } from '../../../protocol/fields.ts';
import { BadContent } from '../../settings/secret-file.ts';

/** The algorithms that a token may be signed with. No others, `none` least of all. */
export const algorithms = ['HS256', 'RS256', 'ES256', 'EdDSA'] as const;
export type Algorithm = (typeof algorithms)[number];

/** A key that verifies one algorithm and no other: a public RSA key is never an HMAC secret. */
interface VerifyingKey {
  readonly algorithm: Algorithm;
  readonly kid: string | undefined;
  readonly key: CryptoKey;
}

const MAX_KEYS = 64;
/** Keys that one token is tried against, where it names none or several have its name. */
const MAX_TRIED = 4;
const MIN_SECRET_BYTES = 32;
const MIN_RSA_BITS = 2_048;

export class KeySet {
  readonly #keys: readonly VerifyingKey[];

  constructor(keys: readonly VerifyingKey[]) {
    this.#keys = keys;
  }

  get size(): number {
    return this.#keys.length;
  }

  /** The keys that a token with this header may be verified with; `kid` is only compared. */
  candidates(algorithm: Algorithm, kid: string | undefined): readonly CryptoKey[] {
    return this.#keys
      .filter((one) => one.algorithm === algorithm && (kid === undefined || one.kid === kid))
      .slice(0, MAX_TRIED)
      .map(({ key }) => key);
  }
}

export interface KeySetRules {
  /** It is a set of our own: every key must be good. In one from a URL a bad key is skipped. */
  readonly own: boolean;
  /** Whether secrets (HS256) are keys; where not, one in a set of our own is refused. */
  readonly secrets: boolean;
}

/**
 * Reads a JWK Set. Keys for other uses and algorithms are skipped.
 *
 * @throws BadContent, never quoting a key.
 */
export async function readKeySet(text: string, { own, secrets }: KeySetRules): Promise<KeySet> {
  const keys: VerifyingKey[] = [];
  for (const [index, jwk] of jwksIn(text).entries()) {
    const algorithm = algorithmOf(jwk);
    if (algorithm === undefined) continue;
    try {
      if (algorithm === 'HS256' && !secrets) throw new BadContent('a secret, not a public key');
      keys.push(await readKey(jwk, algorithm));
    } catch (error) {
      if (own) throw new BadContent(`keys[${index}]: ${reasonOf(error)}`);
    }
  }
  if (keys.length === 0) throw new BadContent('no key that verifies HS256, RS256, ES256 or EdDSA');
  return new KeySet(keys);
}

const reasonOf = (error: unknown) =>
  error instanceof BadContent ? error.message : 'not a valid key of its type';

function jwksIn(text: string): JWK[] {
  let set: unknown;
  try {
    set = JSON.parse(text);
  } catch {
    throw new BadContent('not JSON');
  }
  const keys = isFields(set) ? set['keys'] : undefined;
  if (!Array.isArray(keys)) throw new BadContent('not a JWK Set: an object with a list "keys"');
  if (keys.length > MAX_KEYS) throw new BadContent(`more than ${MAX_KEYS} keys`);
  return keys.filter(isFields);
}

/** What the key is for; undefined: nothing that verifies tokens. */
function algorithmOf(jwk: JWK): Algorithm | undefined {
  const { kty, crv, alg, use, key_ops: operations } = jwk;
  if (use !== undefined && use !== 'sig') return undefined;
  if (Array.isArray(operations) && !operations.includes('verify')) return undefined;
  let algorithm: Algorithm | undefined;
  if (kty === 'oct') algorithm = 'HS256';
  else if (kty === 'RSA') algorithm = 'RS256';
  else if (kty === 'EC' && crv === 'P-256') algorithm = 'ES256';
  else if (kty === 'OKP' && crv === 'Ed25519') algorithm = 'EdDSA';
  const named = alg === 'Ed25519' ? 'EdDSA' : alg;
  return named === undefined || named === algorithm ? algorithm : undefined;
}

async function readKey(jwk: JWK, algorithm: Algorithm): Promise<VerifyingKey> {
  const { kid } = jwk;
  if (kid !== undefined && typeof kid !== 'string') throw new BadContent('kid is a string');
  if (algorithm === 'HS256') return { algorithm, kid, key: await readSecret(jwk) };
  const key = await importJWK(publicPart(jwk), algorithm);
  if (key instanceof Uint8Array) throw new BadContent('not a public key');
  const bits = 'modulusLength' in key.algorithm ? key.algorithm.modulusLength : MIN_RSA_BITS;
  if (typeof bits !== 'number' || bits < MIN_RSA_BITS) {
    throw new BadContent(`an RSA key has at least ${MIN_RSA_BITS} bits`);
  }
  return { algorithm, kid, key };
}

async function readSecret({ k }: JWK): Promise<CryptoKey> {
  const bytes = Buffer.from(typeof k === 'string' ? k : '', 'base64url');
  if (bytes.length < MIN_SECRET_BYTES) {
    throw new BadContent(`an HS256 secret has at least ${MIN_SECRET_BYTES} bytes`);
  }
  const hmac = { name: 'HMAC', hash: 'SHA-256' };
  return crypto.subtle.importKey('raw', bytes, hmac, false, ['verify']);
}

/** Without the private members, which would make it a key that signs. */
function publicPart(jwk: JWK): JWK {
  const { kty, crv, x = '', y = '', n = '', e = '' } = jwk;
  if (kty === 'RSA') return { kty, n, e };
  const curve = { kty: kty ?? '', crv: crv ?? '', x };
  return kty === 'EC' ? { ...curve, y } : curve;
}
