import type { Position } from '../../../protocol/position.ts';
import type { SessionKey } from '../stream.ts';

export interface MemorySession {
  readonly generation: number;
  readonly holder: string;
  readonly expiresAt: number;
  readonly cursors: ReadonlyMap<string, Position>;
}

export interface MemorySessionsOptions {
  /** Milliseconds. */
  readonly now: () => number;
  readonly perIdentity: number;
}

/** The sessions of each identity, in the order of their last use, which is that of their end. */
export class MemorySessions {
  readonly #options: MemorySessionsOptions;
  readonly #identities = new Map<string, Map<string, MemorySession>>();

  constructor(options: MemorySessionsOptions) {
    this.#options = options;
  }

  get({ identity, session }: SessionKey): MemorySession | undefined {
    this.#expire(identity);
    return this.#identities.get(identity)?.get(session);
  }

  put({ identity, session }: SessionKey, value: MemorySession): void {
    const sessions = this.#identities.get(identity) ?? new Map<string, MemorySession>();
    this.#identities.set(identity, sessions);
    sessions.delete(session);
    sessions.set(session, value);
  }

  /** Whether the identity has as many as it may. */
  full(identity: string): boolean {
    this.#expire(identity);
    return (this.#identities.get(identity)?.size ?? 0) >= this.#options.perIdentity;
  }

  /** Forgets what an identity has too many. Returns how many that were. */
  bound(identity: string): number {
    const sessions = this.#identities.get(identity) ?? new Map<string, MemorySession>();
    let forgotten = 0;
    for (const name of sessions.keys()) {
      if (sessions.size <= this.#options.perIdentity) break;
      sessions.delete(name);
      forgotten += 1;
    }
    return forgotten;
  }

  sweep(): void {
    for (const identity of this.#identities.keys()) this.#expire(identity);
  }

  clear(): void {
    this.#identities.clear();
  }

  copy(): MemorySessions {
    const copy = new MemorySessions(this.#options);
    for (const [identity, sessions] of this.#identities) {
      copy.#identities.set(identity, new Map(sessions));
    }
    return copy;
  }

  #expire(identity: string): void {
    const sessions = this.#identities.get(identity);
    if (sessions === undefined) return;
    const now = this.#options.now();
    for (const [name, { expiresAt }] of sessions) {
      if (expiresAt > now) break;
      sessions.delete(name);
    }
    if (sessions.size === 0) this.#identities.delete(identity);
  }
}
