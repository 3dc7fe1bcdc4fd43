import { type CryptoKey, decodeProtectedHeader, errors, type JWTPayload, jwtVerify } from 'jose';
import type { Clock } from '../../../protocol/clock.ts';
import * as limits from '../../../protocol/limits.ts';
import type { Authentication } from '../identity.ts';
import { type Algorithm, algorithms } from './key-set.ts';
import type { KeySource } from './key-source.ts';

export interface TokenRules {
  readonly issuer?: string | undefined;
  readonly audience?: string | undefined;
  readonly leewayS: number;
}

export interface SignedTokensParts {
  readonly keys: KeySource;
  readonly rules: TokenRules;
  readonly requiredClaims: readonly string[];
  readonly clock: Pick<Clock, 'wall'>;
}

export type Refused = Extract<Authentication, { ok: false }>;
export type Verified = Refused | { readonly ok: true; readonly payload: JWTPayload };

/** Headers by which a token says itself which key to trust. */
const FOREIGN_KEYS = ['jku', 'jwk', 'x5u', 'x5c'];

export const refused = (detail: string): Refused => ({
  ok: false,
  code: 'unauthenticated',
  detail,
});

/** Checks who signed a JWT, for whom and until when. What it says is believed only after that. */
export class SignedTokens {
  readonly #parts: SignedTokensParts;

  constructor(parts: SignedTokensParts) {
    this.#parts = parts;
  }

  /** Never rejects. The detail of a refusal shows nothing of the token. */
  async verify(jwt: string): Promise<Verified> {
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

  async #verifyWith(jwt: string, { key, algorithm }: Trial): Promise<Verified | WrongKey> {
    const { rules, requiredClaims, clock } = this.#parts;
    const { issuer, audience, leewayS } = rules;
    try {
      const { payload } = await jwtVerify(jwt, key, {
        algorithms: [algorithm],
        ...(issuer === undefined ? {} : { issuer }),
        ...(audience === undefined ? {} : { audience }),
        requiredClaims: [...requiredClaims],
        clockTolerance: leewayS,
        currentDate: new Date(clock.wall()),
      });
      return { ok: true, payload };
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
