import { type CryptoKey, decodeProtectedHeader, errors, type JWTPayload, jwtVerify } from 'jose';
import type { Clock } from '../../../protocol/clock.ts';
import * as limits from '../../../protocol/limits.ts';
import type { Authentication } from '../identity.ts';
import { type Algorithm, algorithms } from './key-set.ts';
import type { KeySource } from './key-source.ts';
import { CLAIM, type PermissionReader } from './permissions.ts';

export interface TokenRules {
  readonly issuer?: string | undefined;
  readonly audience?: string | undefined;
  readonly leewayS: number;
}

export interface TokenParts {
  readonly keys: KeySource;
  readonly permissions: PermissionReader;
  readonly rules: TokenRules;
  readonly clock: Clock;
}

/** Headers by which a token says itself which key to trust. */
const FOREIGN_KEYS = ['jku', 'jwk', 'x5u', 'x5c'];
const MAX_NAME = 256;
/** Names of API keys begin like this; a token may not pass for one. */
const RESERVED_NAME = /^key:/;

type Refused = Extract<Authentication, { ok: false }>;

const refused = (detail: string): Refused => ({ ok: false, code: 'unauthenticated', detail });

/** Checks JWTs. What a token says is believed only after its signature. */
export class TokenVerifier {
  readonly #parts: TokenParts;

  constructor(parts: TokenParts) {
    this.#parts = parts;
  }

  async verify(jwt: string): Promise<Authentication> {
    if (jwt.length > limits.tokenBytes) return refused('longer than a token may be');
    const header = readHeader(jwt);
    if ('detail' in header) return header;
    const keys = await this.#parts.keys.find(header.algorithm, header.kid);
    if (keys === 'unavailable') {
      return { ok: false, code: 'keys_unavailable', detail: 'the keys cannot be fetched' };
    }
    let answer = refused('no such key');
    for (const key of keys) {
      const outcome = await this.#verifyWith(jwt, { key, algorithm: header.algorithm });
      if (!('wrongKey' in outcome)) return outcome;
      answer = refused('the signature is wrong');
    }
    return answer;
  }

  async #verifyWith(jwt: string, { key, algorithm }: Trial): Promise<Authentication | WrongKey> {
    const { issuer, audience, leewayS } = this.#parts.rules;
    try {
      const { payload } = await jwtVerify(jwt, key, {
        algorithms: [algorithm],
        ...(issuer === undefined ? {} : { issuer }),
        ...(audience === undefined ? {} : { audience }),
        requiredClaims: ['sub', 'exp'],
        clockTolerance: leewayS,
        currentDate: new Date(this.#parts.clock.wall()),
      });
      return this.#identityOf(payload);
    } catch (error) {
      if (error instanceof errors.JWSSignatureVerificationFailed) return { wrongKey: true };
      if (error instanceof errors.JWTExpired) {
        return { ok: false, code: 'token_expired', detail: 'expired' };
      }
      // jose's messages name claims and headers, never their values.
      if (error instanceof errors.JOSEError) return refused(error.message);
      return refused('not a token');
    }
  }

  #identityOf(payload: JWTPayload): Authentication {
    const { sub, exp } = payload;
    if (typeof sub !== 'string' || sub === '' || sub.length > MAX_NAME || !sub.isWellFormed()) {
      return refused(`sub has 1 to ${MAX_NAME} characters`);
    }
    if (RESERVED_NAME.test(sub)) return refused('sub is the name of an API key');
    const permissions = this.#parts.permissions.read(payload[CLAIM]);
    if (typeof permissions === 'string') return refused(permissions);
    const expiresAt = ((exp ?? 0) + this.#parts.rules.leewayS) * 1_000;
    return { ok: true, identity: { name: sub, ...permissions, expiresAt } };
  }
}

interface Trial {
  readonly key: CryptoKey;
  readonly algorithm: Algorithm;
}

interface WrongKey {
  readonly wrongKey: true;
}

interface Header {
  readonly algorithm: Algorithm;
  readonly kid: string | undefined;
}

function readHeader(jwt: string): Header | Refused {
  let header: Record<string, unknown>;
  try {
    header = decodeProtectedHeader(jwt);
  } catch {
    return refused('not a token');
  }
  const algorithm = algorithms.find((one) => one === header['alg']);
  if (algorithm === undefined) return refused('signed with an algorithm that is not accepted');
  if (FOREIGN_KEYS.some((name) => name in header)) return refused('brings its own key');
  const { kid } = header;
  if (kid !== undefined && typeof kid !== 'string') return refused('kid is a string');
  return { algorithm, kid };
}
