import type { CloseCode } from '../../protocol/codes.ts';
import type { Move } from '../../protocol/events.ts';
import type { Identity } from './identity.ts';

/** A connection whose client can go on at another gateway without a break. */
export interface MovableClient {
  readonly alive: boolean;
  readonly identity: Identity | undefined;
  /** As `welcome` said it. */
  readonly sessionName: string;
  readonly move: Movable | undefined;
  /** The gateway that passes it on to this one. */
  readonly via?: string | undefined;
  say(event: Move): void;
  leave(code: CloseCode): void;
}

/**
 * How long a client is not sent to its owner: until somebody owns something else; or until then, or
 * `STAY_MS` or `MOMENT_MS` have passed, whichever is first; or until then, or the owner can be had.
 */
export type Stay = 'until_ring' | 'for_a_while' | 'for_a_moment' | 'until_owner';

const GRACE_SHARE = 1 / 4;
/** Who did not go is asked again after this, while the ring stays as it is. */
const AGAIN_MS = 60_000;
/**
 * Who was sent here is not sent on for so long, while the ring stays as it is: gateways that have
 * different rings do not send clients to and fro. Who was sent by one that had an older ring is
 * not at home here, and no other ring need ever come.
 */
export const STAY_MS = 60_000;
/**
 * Who is known to be sent by an older ring than the one here is sent on sooner: nobody will send it
 * back. Not at its hello, so that there is one redirect at most, however fast rings follow.
 */
export const MOMENT_MS = 2_000;

/** It is not sent on before another `Placement.version` than this, or that time of the wheel. */
export interface StayUntil {
  readonly version: number;
  readonly until: number;
}

/** What is kept of a client that announced `move`. Times are the wheel's. */
export class Movable {
  readonly shard: number;
  /** The key by which it is placed, if the request of its upgrade had it. */
  readonly key: string | undefined;
  /** Somebody opened its session while it was asked to go: itself, at the other gateway. */
  taken = false;
  #askedAt = Number.NEGATIVE_INFINITY;
  #until = Number.NEGATIVE_INFINITY;
  #askedAtVersion: number | undefined;
  readonly #stay: StayUntil | undefined;

  constructor(shard: number, stay: StayUntil | undefined, key?: string) {
    this.shard = shard;
    this.#stay = stay;
    this.key = key;
  }

  /** While this is the `Placement.version`, it stays until then; -Infinity: it need not stay. */
  staysUntil(version: number): number {
    return version === this.#stay?.version ? this.#stay.until : Number.NEGATIVE_INFINITY;
  }

  /** It was told that it has `within` milliseconds, at this `Placement.version`. */
  asked(now: number, within: number, version: number): void {
    this.#askedAt = now;
    this.#askedAtVersion = version;
    // A little more is granted.
    this.#until = now + within * (1 + GRACE_SHARE);
  }

  get everAsked(): boolean {
    return this.#askedAt !== Number.NEGATIVE_INFINITY;
  }

  askedSince(time: number): boolean {
    return this.#askedAt >= time;
  }

  /** It was asked, and has time to go. */
  isMoving(now: number): boolean {
    return now < this.#until;
  }

  /**
   * It was asked, did not go, and is left in peace for a while: less long when somebody else may
   * own it since, for the one to whom it was sent may be the one that died.
   */
  isSpared(now: number, version: number): boolean {
    const peace = version === this.#askedAtVersion ? AGAIN_MS : 0;
    return now < this.#until + peace;
  }
}
