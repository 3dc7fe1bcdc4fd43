import type { Clock } from '../../protocol/clock.ts';
import type { CloseCode } from '../../protocol/codes.ts';
import type { Identity } from './identity.ts';
import { type Rate, TokenBucket } from './token-bucket.ts';

/** A connection, as far as it is somebody's. */
export interface UserConnection {
  readonly identity: Identity | undefined;
  /** Empty: it has none. */
  readonly sessionName: string;
  /** The wheel's time, ms. */
  readonly openedAt: number;
  readonly alive: boolean;
  leave(code: CloseCode): void;
}

/** How a connection ended. */
export interface Ending {
  /** The WebSocket close code that one side gave, or what this one observed. */
  readonly code: number;
  /** Wall-clock ms. */
  readonly at: number;
}

interface User {
  /** Frames of all its connections together. */
  readonly bucket: TokenBucket;
  /** Nearly everybody has one, and one needs no set. */
  connections: UserConnection | Set<UserConnection>;
}

/** Endings that are remembered; with more, the oldest are forgotten. */
const ENDINGS_MAX = 10_000;
/** An older one is not told any more. */
export const ENDING_MS = 3_600_000;

/**
 * The identities that have connections here, and what each one's connections share. Anonymous
 * clients are nobody: they have nothing in common, and only the limits of each connection hold.
 */
export class Users {
  readonly rate: Rate;
  readonly #clock: Pick<Clock, 'wall'>;
  readonly #users = new Map<string, User>();
  /** By user, the oldest first. */
  readonly #endings = new Map<string, Ending>();

  constructor(rate: Rate, clock: Pick<Clock, 'wall'>) {
    this.rate = rate;
    this.#clock = clock;
  }

  /** Returns the bucket that all connections of its identity share. */
  join(connection: UserConnection, now: number): TokenBucket | undefined {
    const name = nameOf(connection);
    if (name === '') return undefined;
    const user = this.#users.get(name);
    if (user === undefined) {
      const bucket = new TokenBucket(this.rate, now);
      this.#users.set(name, { bucket, connections: connection });
      return bucket;
    }
    if (user.connections instanceof Set) user.connections.add(connection);
    else user.connections = new Set([user.connections, connection]);
    return user.bucket;
  }

  leave(connection: UserConnection, ending: Ending): void {
    const name = nameOf(connection);
    const user = this.#users.get(name);
    if (user === undefined) return;
    this.#remember(name, ending);
    if (user.connections instanceof Set) user.connections.delete(connection);
    else this.#users.delete(name);
    if (user.connections instanceof Set && user.connections.size === 0) this.#users.delete(name);
  }

  /** A copy: connections may close while it is walked. */
  connectionsOf(name: string): UserConnection[] {
    const { connections } = this.#users.get(name) ?? {};
    if (connections === undefined) return [];
    return connections instanceof Set ? [...connections] : [connections];
  }

  /**
   * The oldest of its connections, those beyond so many. A session counts once: of one that came
   * back the older connection is gone, or will be known to be.
   */
  beyond(name: string, most: number): UserConnection[] {
    const sessions = new Set<string>();
    let others = 0;
    return this.connectionsOf(name)
      .filter(({ alive }) => alive)
      .reverse()
      .filter(({ sessionName }) => {
        if (sessionName !== '' && sessions.has(sessionName)) return false;
        if (sessionName === '') others += 1;
        else sessions.add(sessionName);
        return others + sessions.size > most;
      });
  }

  /** How the last connection ended that it had here, within `ENDING_MS`. */
  endingOf(name: string): Ending | undefined {
    const ending = this.#endings.get(name);
    return ending === undefined || this.#isOld(ending.at) ? undefined : ending;
  }

  get size(): number {
    return this.#users.size;
  }

  #remember(name: string, ending: Ending): void {
    this.#endings.delete(name);
    this.#endings.set(name, ending);
    for (const [oldest, { at }] of this.#endings) {
      if (this.#endings.size <= ENDINGS_MAX && !this.#isOld(at)) return;
      this.#endings.delete(oldest);
    }
  }

  #isOld(at: number): boolean {
    return this.#clock.wall() - at > ENDING_MS;
  }
}

const nameOf = ({ identity }: UserConnection): string => identity?.name ?? '';
