import type { Clock, Timer } from '../protocol/clock.ts';
import { parsePosition } from '../protocol/position.ts';
import { ClientError, OptionsError } from './errors.ts';

/** Topic → position, as text. */
export type SavedPositions = Readonly<Record<string, string>>;

/**
 * Where positions outlive the page or the process. One storage belongs to one client at a time:
 * two that share it overwrite each other's positions.
 */
export interface PositionStorage {
  /** What was saved last; called once, before the first connection. */
  load(): SavedPositions | Promise<SavedPositions>;
  /** All positions, replacing those before. Calls do not overlap. */
  save(positions: SavedPositions): void | Promise<void>;
}

interface Positioned {
  readonly topic: string;
  readonly position: string | undefined;
}

/** What keeping positions needs of the client. */
export interface KeeperParts {
  readonly clock: Clock;
  readonly intervalMs: number;
  /** The positions worth saving now. */
  positions(): Iterable<Positioned>;
  onError(error: ClientError): void;
}

/** Where the client finds saved positions and tells of new ones. */
export interface PositionKeeper {
  /**
   * Loads once, however often it is called. Never rejects: what cannot be loaded is reported, and
   * counts as nothing saved.
   */
  load(): Promise<void>;
  /** The saved position of a topic. */
  position(topic: string): string | undefined;
  /** The topic is not listened to any more. */
  forget(topic: string): void;
  /** A position moved. */
  changed(): void;
  /** Saves what changed. Resolves when it is saved, or was reported; never rejects. */
  save(): Promise<void>;
}

/**
 * Of `persisted` or `webStorage`, for the option `storage`. A function, so that only applications
 * that keep positions have the code for it in their bundles.
 */
export type Persistence = (parts: KeeperParts) => PositionKeeper;

/** Positions kept of topics that are not subscribed, so that storages do not grow for ever. */
const KEPT_TOPICS = 1_000;

/** Damaged ones are dropped. */
function isSaved(entry: [string, unknown]): entry is [string, string] {
  return parsePosition(entry[1]) !== undefined;
}

/** Saves positions at most once per interval, and at once when this may be the last moment. */
class StorageKeeper implements PositionKeeper {
  readonly #storage: PositionStorage;
  readonly #parts: KeeperParts;
  /** Of topics that may not have been subscribed again yet; the newest last. */
  #loaded = new Map<string, string>();
  #loading: Promise<void> | undefined;
  #timer: Timer | undefined;
  #saving: Promise<void> | undefined;
  #changed = false;

  constructor(storage: PositionStorage, parts: KeeperParts) {
    this.#storage = storage;
    this.#parts = parts;
  }

  load(): Promise<void> {
    this.#loading ??= this.#load();
    return this.#loading;
  }

  async #load(): Promise<void> {
    try {
      const loaded: unknown = await this.#storage.load();
      const entries = Object.entries(loaded ?? {}).filter(isSaved);
      this.#loaded = new Map(entries.slice(-KEPT_TOPICS));
    } catch (cause) {
      this.#report('load failed', cause);
    }
  }

  position(topic: string): string | undefined {
    return this.#loaded.get(topic);
  }

  forget(topic: string): void {
    this.#loaded.delete(topic);
    this.changed();
  }

  changed(): void {
    this.#changed = true;
    this.#timer ??= this.#parts.clock.after(this.#parts.intervalMs, () => {
      this.#timer = undefined;
      void this.save();
    });
  }

  async save(): Promise<void> {
    // What changes during a save is saved by the next: calls do not overlap.
    if (this.#saving !== undefined) await this.#saving;
    if (!this.#changed) return;
    this.#changed = false;
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#saving = this.#write();
    await this.#saving;
  }

  async #write(): Promise<void> {
    try {
      const positions = new Map(this.#loaded);
      for (const { topic, position } of this.#parts.positions()) {
        if (position !== undefined) positions.set(topic, position);
      }
      await this.#storage.save(Object.fromEntries(positions));
    } catch (cause) {
      this.#report('save failed', cause);
    } finally {
      this.#saving = undefined;
    }
  }

  #report(text: string, cause: unknown): void {
    this.#parts.onError(new ClientError('storage_failed', text, cause));
  }
}

/**
 * Keeps positions in a storage of your own.
 *
 * @throws OptionsError when it has no `load` and `save`.
 */
export function persisted(storage: PositionStorage): Persistence {
  if (typeof storage?.load !== 'function' || typeof storage.save !== 'function') {
    const wanted = 'an object with load, save';
    throw new OptionsError([{ field: 'storage', value: storage, wanted }]);
  }
  return (parts) => new StorageKeeper(storage, parts);
}

/** Keeps positions in `localStorage` or `sessionStorage` (one per tab), as JSON under `key`. */
export function webStorage(
  storage: Pick<Storage, 'getItem' | 'setItem'>,
  key = 'wscluster.positions',
): Persistence {
  return persisted({
    load: () => JSON.parse(storage.getItem(key) ?? '{}') as SavedPositions,
    save: (positions) => storage.setItem(key, JSON.stringify(positions)),
  });
}
