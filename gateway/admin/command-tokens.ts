import type { Clock } from '../../protocol/clock.ts';
import type { KeySource } from '../edge/auth/key-source.ts';
import { SignedTokens } from '../edge/auth/signed-tokens.ts';
import { ApiError } from '../http/api-error.ts';

export interface CommandTokensParts {
  /** Of whoever may command this gateway; undefined: nobody may. */
  readonly keys: KeySource | undefined;
  /** What `aud` of a token must say: this gateway. */
  readonly audience: string;
  readonly clock: Pick<Clock, 'wall'>;
}

/** The longest life of a token: one that is stolen is soon worth nothing. */
const MAX_LIFE_S = 60;
/** Clocks of machines differ by so much. */
const LEEWAY_S = 5;
const BEARER = /^bearer +(\S+)$/i;

/**
 * Who may command a gateway: whoever signs a token for it, by name, that lives a minute at most.
 * A token for one gateway is nothing to another.
 */
export class CommandTokens {
  readonly #signed: SignedTokens | undefined;
  readonly #clock: Pick<Clock, 'wall'>;

  constructor({ keys, audience, clock }: CommandTokensParts) {
    this.#clock = clock;
    if (keys === undefined) return;
    const rules = { audience, leewayS: LEEWAY_S };
    this.#signed = new SignedTokens({ keys, rules, requiredClaims: ['aud', 'exp'], clock });
  }

  /** Rejects with an `ApiError` when the header carries no token that is good for this gateway. */
  async admit(authorization: string | undefined): Promise<void> {
    if (this.#signed === undefined) {
      throw new ApiError('forbidden', 'this gateway takes no commands: admin.keysFile is not set');
    }
    const token = BEARER.exec(authorization ?? '')?.[1];
    if (token === undefined) throw wrong('Authorization: Bearer and a token');
    const verified = await this.#signed.verify(token);
    if (!verified.ok) throw wrong(`the token is refused: ${verified.detail}`);
    const { exp = Number.POSITIVE_INFINITY } = verified.payload;
    if (exp * 1_000 - this.#clock.wall() > (MAX_LIFE_S + LEEWAY_S) * 1_000) {
      throw wrong(`the token is refused: it may live for ${MAX_LIFE_S} s at most`);
    }
  }
}

const wrong = (message: string) => new ApiError('unauthenticated', message);
