import type { JWTPayload } from 'jose';
import type { Clock } from '../../../protocol/clock.ts';
import type { Authentication } from '../identity.ts';
import { claimText, MAX_NAME } from './claim-text.ts';
import type { KeySource } from './key-source.ts';
import { CLAIM, type PermissionReader } from './permissions.ts';
import { refused, SignedTokens, type TokenRules } from './signed-tokens.ts';

export interface TokenParts {
  readonly keys: KeySource;
  readonly permissions: PermissionReader;
  readonly rules: TokenRules;
  /** The claim by which connections are placed; undefined: by none. */
  readonly keyClaim: string | undefined;
  readonly clock: Clock;
}

/** Names of API keys begin like this; a token may not pass for one. */
const RESERVED_NAME = /^key:/;

/** What a client's JWT says of it. */
export class TokenVerifier {
  readonly #parts: TokenParts;
  readonly #signed: SignedTokens;

  constructor(parts: TokenParts) {
    this.#parts = parts;
    this.#signed = new SignedTokens({ ...parts, requiredClaims: ['sub', 'exp'] });
  }

  async verify(jwt: string): Promise<Authentication> {
    const verified = await this.#signed.verify(jwt);
    return verified.ok ? this.#identityOf(verified.payload) : verified;
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
    const { keyClaim } = this.#parts;
    const key = keyClaim === undefined ? undefined : claimText(payload[keyClaim]);
    return { ok: true, identity: { name: sub, ...permissions, key, expiresAt } };
  }
}
