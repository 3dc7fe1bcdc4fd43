import type { Connection } from './redis-connections.ts';

type Movable = Pick<Connection, 'usable' | 'useUrl' | 'move'>;

/**
 * Keeps the connections of a log on one server and database when the URL changes. Those that work
 * stay, since the new URL may be wrong; but where it leads elsewhere, the first that is lost takes
 * all others along: publishes on one server are not heard on another, and not read there.
 */
export class Move {
  readonly #connections: () => readonly Movable[];
  #due = false;

  constructor(connections: () => readonly Movable[]) {
    this.#connections = connections;
  }

  useUrl(url: string): void {
    const all = this.#connections();
    for (const connection of all) this.#due = connection.useUrl(url) || this.#due;
    if (all.some(({ usable }) => !usable)) this.lost();
  }

  /** One of the connections was lost, or never made. */
  lost(): void {
    if (!this.#due) return;
    this.#due = false;
    for (const connection of this.#connections()) connection.move();
  }
}
