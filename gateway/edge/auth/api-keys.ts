import { createHash, timingSafeEqual } from 'node:crypto';
import { BadContent, SecretFile, type SecretFileOptions } from '../../settings/secret-file.ts';

const MAX_KEYS = 1_000;
const MIN_LENGTH = 16;
const MAX_LENGTH = 512;

interface ApiKey {
  /** Number of its line, which stays when another key is replaced by an empty line. */
  readonly line: number;
  readonly digest: Buffer;
}

/** API keys from a file with one per line. */
export class ApiKeys {
  readonly #file: SecretFile<readonly ApiKey[]>;

  private constructor(file: SecretFile<readonly ApiKey[]>) {
    this.#file = file;
  }

  /** Rejects with a SettingsError. */
  static async open(options: Omit<SecretFileOptions<unknown>, 'parse'>): Promise<ApiKeys> {
    return new ApiKeys(await SecretFile.open({ ...options, parse: readApiKeys }));
  }

  /** The name of the key, `key:<line>`; undefined: there is no such key. */
  find(key: string): string | undefined {
    if (key.length > MAX_LENGTH) return undefined;
    const digest = digestOf(key);
    let found: string | undefined;
    // All are compared, each in constant time: how long it takes tells nothing about any key.
    for (const one of this.#file.value) {
      if (timingSafeEqual(one.digest, digest)) found = `key:${one.line}`;
    }
    return found;
  }

  close(): void {
    this.#file.close();
  }
}

/** Digests have one length, and say nothing about the lengths of keys. */
const digestOf = (key: string) => createHash('sha256').update(key).digest();

function readApiKeys(text: string): readonly ApiKey[] {
  const keys: ApiKey[] = [];
  for (const [index, raw] of text.split('\n').entries()) {
    const key = raw.trim();
    if (key === '' || key.startsWith('#')) continue;
    const line = index + 1;
    if (key.length < MIN_LENGTH || key.length > MAX_LENGTH || /\s/.test(key)) {
      const wanted = `${MIN_LENGTH} to ${MAX_LENGTH} characters without spaces`;
      throw new BadContent(`line ${line}: a key has ${wanted}`);
    }
    keys.push({ line, digest: digestOf(key) });
  }
  if (keys.length > MAX_KEYS) throw new BadContent(`more than ${MAX_KEYS} keys`);
  if (keys.length === 0) throw new BadContent('no key in it');
  return keys;
}
