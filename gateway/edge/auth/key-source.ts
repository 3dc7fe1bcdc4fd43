import type { CryptoKey } from 'jose';
import { SecretFile, type SecretFileOptions } from '../../settings/secret-file.ts';
import { type Algorithm, type KeySet, readKeySet } from './key-set.ts';

/** Where the keys that verify tokens come from. */
export interface KeySource {
  /**
   * The keys for a token's header. `unavailable`: whether there is such a key cannot be told now.
   * `kid` comes from an unverified token: it is compared, and never part of an address or a path.
   */
  find(algorithm: Algorithm, kid: string | undefined): Promise<Found>;
  /** Whether there were keys since it was opened. */
  readonly ready: boolean;
  close(): void;
}

export type Found = readonly CryptoKey[] | 'unavailable';

/** Keys from the settings themselves. */
export class FixedKeys implements KeySource {
  readonly ready = true;
  readonly #set: KeySet;

  private constructor(set: KeySet) {
    this.#set = set;
  }

  /** Rejects with `BadContent`. */
  static async read(text: string): Promise<FixedKeys> {
    return new FixedKeys(await readKeySet(text, { own: true, secrets: true }));
  }

  async find(algorithm: Algorithm, kid: string | undefined): Promise<Found> {
    return this.#set.candidates(algorithm, kid);
  }

  close(): void {}
}

type FileKeysOptions = Omit<SecretFileOptions<KeySet>, 'parse'> & { readonly secrets: boolean };

/** Keys from a file. To rotate, write old and new key together, then the new one alone. */
export class FileKeys implements KeySource {
  readonly ready = true;
  readonly #file: SecretFile<KeySet>;

  private constructor(file: SecretFile<KeySet>) {
    this.#file = file;
  }

  /** Rejects with a SettingsError. `secrets`: whether the file may hold some (HS256). */
  static async open({ secrets, ...options }: FileKeysOptions): Promise<FileKeys> {
    const parse = (text: string) => readKeySet(text, { own: true, secrets });
    return new FileKeys(await SecretFile.open({ ...options, parse }));
  }

  async find(algorithm: Algorithm, kid: string | undefined): Promise<Found> {
    return this.#file.value.candidates(algorithm, kid);
  }

  close(): void {
    this.#file.close();
  }
}
