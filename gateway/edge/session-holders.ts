import type { SessionKey } from '../stream/stream.ts';

/** A connection that holds a session. */
export interface SessionHolder {
  readonly key: SessionKey;
  readonly generation: number;
  /** A newer holder exists: stops saving and closes. */
  superseded(): void;
}

/** Who holds which session on this gateway: one connection each, that of the newest generation. */
export class SessionHolders {
  readonly #holders = new Map<string, SessionHolder>();

  /** The older holder of the same session, here, is superseded. */
  enter(holder: SessionHolder): void {
    const name = nameOf(holder.key);
    const other = this.#holders.get(name);
    if (other !== undefined && other.generation > holder.generation) {
      holder.superseded();
      return;
    }
    this.#holders.set(name, holder);
    other?.superseded();
  }

  leave(holder: SessionHolder): void {
    const name = nameOf(holder.key);
    if (this.#holders.get(name) === holder) this.#holders.delete(name);
  }

  /** Somebody, here or elsewhere, opened the session with this generation. */
  superseded(key: SessionKey, generation: number): void {
    const holder = this.#holders.get(nameOf(key));
    if (holder !== undefined && holder.generation < generation) holder.superseded();
  }

  get size(): number {
    return this.#holders.size;
  }
}

/** Session names have no slash, so that the pair is unambiguous. */
function nameOf({ identity, session }: SessionKey): string {
  return `${session}/${identity}`;
}
