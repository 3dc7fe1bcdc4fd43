import { open, stat } from 'node:fs/promises';
import type { Clock, Timer } from '../../protocol/clock.ts';
import { unusable } from './problem.ts';

const POLL_MS = 1_000;
/** No key set, key list or URL is larger; a device file or a log would be. */
const MAX_BYTES = 1_048_576;

/** Why a content cannot be used. Its message is logged, so it never quotes the content. */
export class BadContent extends Error {
  override readonly name = 'BadContent';
}

export interface SecretFileOptions<T> {
  /** The setting that names the file, such as `auth.keysFile`. */
  readonly setting: string;
  readonly path: string;
  /** Throws `BadContent`. */
  readonly parse: (text: string) => T | Promise<T>;
  readonly clock: Clock;
  /** After the first reading: the file changed, and its new content is in force or refused. */
  readonly onRead?: (reading: Reading) => void;
}

export type Reading =
  | { readonly outcome: 'changed' }
  | { readonly outcome: 'refused'; readonly reason: string };

/**
 * A secret in a file that is read again within a second of a change, however it was made: written
 * in place, replaced by a rename, or by a link that points elsewhere (as Kubernetes mounts do). A
 * new content that cannot be used is refused, once, and the old one stays.
 *
 * Polling, not `fs.watch`: a watch on a file does not see the link above it change, and on network
 * file systems it sees nothing.
 */
export class SecretFile<T> {
  readonly #options: SecretFileOptions<T>;
  #value: T;
  /** What the file looked like when it was last read, or why that could not be told. */
  #state: string;
  #timer: Timer | undefined;
  #closed = false;
  #changed: (value: T) => void = () => {};

  private constructor(options: SecretFileOptions<T>, first: Content<T>) {
    this.#options = options;
    this.#value = first.value;
    this.#state = first.state;
    this.#poll();
  }

  /** Reads the file. Rejects with a SettingsError that names setting and path. */
  static async open<T>(options: SecretFileOptions<T>): Promise<SecretFile<T>> {
    const content = await read(options).catch(reasonOf);
    if (typeof content === 'string') throw unusable(options.setting, options.path, content);
    return new SecretFile(options, content);
  }

  /** The newest content that could be used. */
  get value(): T {
    return this.#value;
  }

  /** Called with each new content from now on. One may listen. */
  onChange(changed: (value: T) => void): void {
    this.#changed = changed;
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
  }

  #poll(): void {
    this.#timer = this.#options.clock.after(POLL_MS, () => void this.#look());
  }

  async #look(): Promise<void> {
    const state = await stateOf(this.#options.path);
    if (state !== this.#state) await this.#reread(state);
    if (!this.#closed) this.#poll();
  }

  async #reread(state: string): Promise<void> {
    // Whatever comes of it, the same state is not tried twice.
    this.#state = state;
    const content = await read(this.#options).catch(reasonOf);
    if (this.#closed) return;
    if (typeof content === 'string') {
      const reason = `${this.#options.path}: ${content}`;
      this.#options.onRead?.({ outcome: 'refused', reason });
      return;
    }
    this.#value = content.value;
    this.#state = content.state;
    this.#options.onRead?.({ outcome: 'changed' });
    this.#changed(content.value);
  }
}

interface Content<T> {
  readonly value: T;
  readonly state: string;
}

async function read<T>({ path, parse }: SecretFileOptions<T>): Promise<Content<T>> {
  // Taken before the reading: a change during it is seen by the next poll.
  const state = await stateOf(path);
  return { value: await parse(await readBounded(path, MAX_BYTES)), state };
}

/** The file's text. Rejects with the system's error, or with `BadContent` when it is larger. */
export async function readBounded(path: string, maxBytes: number): Promise<string> {
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(maxBytes + 1), 0, maxBytes + 1);
    if (bytesRead > maxBytes) throw new BadContent(`larger than ${maxBytes} bytes`);
    return buffer.toString('utf8', 0, bytesRead);
  } finally {
    await file.close();
  }
}

async function stateOf(path: string): Promise<string> {
  try {
    const { ino, size, mtimeNs, ctimeNs } = await stat(path, { bigint: true });
    return `${ino} ${size} ${mtimeNs} ${ctimeNs}`;
  } catch (error) {
    return reasonOf(error);
  }
}

/** Only messages that are known not to quote a content are passed on. */
function reasonOf(error: unknown): string {
  if (error instanceof BadContent) return error.message;
  const code = error instanceof Error && 'code' in error ? String(error.code) : undefined;
  return `cannot be read${code === undefined ? '' : ` (${code})`}`;
}
