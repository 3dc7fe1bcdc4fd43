import type { Clock, Timer } from '../protocol/clock.ts';
import { isText } from '../protocol/fields.ts';
import * as limits from '../protocol/limits.ts';
import { ClientError } from './errors.ts';

/** A token, and when it expires, if that cannot be read from it. */
export interface Token {
  /** A JWT, at most 8,192 characters. */
  readonly token: string;
  /** Milliseconds since 1970. Default: `exp` of the JWT, where it is readable. */
  readonly expiresAt?: number;
}

export interface TokenRequest {
  /** `refresh`: inside a connection, before the token in use expires. */
  readonly why: 'connect' | 'refresh';
  /** Aborted when nobody waits for the answer any more. */
  readonly signal: AbortSignal;
}

type Granted = string | Token | undefined;
/** Called before each try to connect, and before a token expires. */
export type TokenFunction = (request: TokenRequest) => Granted | Promise<Granted>;

/** Renewed when a quarter of its life is left, or this much where that is less. */
const LEAD_MS = 60_000;
/** Shortest time between two renewals, also of tokens that came already expired. */
const RETRY_MS = 5_000;
/** The longest a timer can wait. */
const LONGEST_MS = 2 ** 31 - 1;

/** A token as the application gives it. Rejects with a `ClientError`. */
export async function fetchToken(
  source: string | TokenFunction,
  request: TokenRequest,
): Promise<Token | undefined> {
  try {
    const granted = typeof source === 'string' ? source : await source(request);
    if (granted === undefined) return undefined;
    const token = typeof granted === 'string' ? { token: granted } : granted;
    if (isText(token.token, limits.tokenBytes)) return token;
    throw new TypeError(`1 to ${limits.tokenBytes} characters`);
  } catch (cause) {
    throw new ClientError('token_failed', undefined, cause);
  }
}

/** The claims of a JWT; none where they cannot be read. */
function claimsOf(token: string): { readonly exp?: unknown; readonly iat?: unknown } {
  try {
    const part = token.split('.')[1] ?? '';
    return JSON.parse(atob(part.replaceAll('-', '+').replaceAll('_', '/'))) ?? {};
  } catch {
    // An opaque token: it is the gateway that says when it has expired.
    return {};
  }
}

/** Milliseconds that a token just given will live; NaN: unknown. */
function lifeOf({ token, expiresAt }: Token, wall: number): number {
  if (expiresAt !== undefined) return expiresAt - wall;
  const { exp, iat } = claimsOf(token);
  const ends = Number(exp) * 1_000;
  const left = ends - wall;
  // Where the clock of this machine is wrong, the distance of the two claims is still right.
  const whole = ends - Number(iat) * 1_000;
  return left > 0 && !(left > whole) ? left : whole || left;
}

export interface RenewalOwner {
  readonly clock: Clock;
  /** Rejects with a `ClientError`. */
  fetch(): Promise<Token | undefined>;
  /** Gives a token to the gateway; rejects with a `ClientError` when it was not taken. */
  offer(token: string): Promise<void>;
  onError(error: ClientError): void;
}

/** Gives the gateway a fresh token before the one in use expires, as long as a connection lasts. */
export class TokenRenewal {
  readonly #owner: RenewalOwner;
  #timer: Timer | undefined;
  /** Grows with each start and stop: what was begun in an earlier round is not heeded. */
  #round = 0;

  constructor(owner: RenewalOwner) {
    this.#owner = owner;
  }

  /** `token` is in use from now on. */
  start(token: Token | undefined): void {
    this.stop();
    if (token === undefined) return;
    const life = lifeOf(token, this.#owner.clock.wall());
    if (Number.isFinite(life)) this.#renewAfter(Math.max(life * 0.75, life - LEAD_MS), token);
  }

  stop(): void {
    this.#round += 1;
    this.#timer?.cancel();
  }

  #renewAfter(delayMs: number, current: Token): void {
    const { clock, onError } = this.#owner;
    const delay = Math.min(Math.max(delayMs, RETRY_MS), LONGEST_MS);
    const round = this.#round;
    this.#timer = clock.after(delay, () => {
      this.#renew(current, round).catch((error: ClientError) => {
        if (round !== this.#round) return;
        onError(error);
        this.#renewAfter(RETRY_MS, current);
      });
    });
  }

  async #renew(current: Token, round: number): Promise<void> {
    const { fetch, offer } = this.#owner;
    const token = await fetch();
    if (round !== this.#round) return;
    if (token === undefined || token.token === current.token) {
      this.#renewAfter(RETRY_MS, current);
      return;
    }
    await offer(token.token);
    if (round === this.#round) this.start(token);
  }
}
