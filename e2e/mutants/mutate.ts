import { registerHooks } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

/** One known bug: a place in the source of a gateway, and what stands there instead. */
export interface Mutation {
  /** From the root of the repository. */
  readonly file: string;
  /** Must be found exactly once, or the mutant is out of date. */
  readonly find: string;
  readonly put: string;
}

const ROOT = join(import.meta.dirname, '../..');

/**
 * Plants bugs into this process: modules are changed as they are loaded, so that the product's
 * source has no branch for it. Load a mutant with `node --import`, before the gateway.
 */
export function mutate(mutations: readonly Mutation[]): void {
  const planted = new Set<Mutation>();
  registerHooks({
    load(url, context, next) {
      const loaded = next(url, context);
      const here = mutations.filter(({ file }) => pathToFileURL(join(ROOT, file)).href === url);
      if (here.length === 0) return loaded;
      let source = textOf(loaded.source);
      for (const mutation of here) {
        source = replaced(source, mutation);
        planted.add(mutation);
      }
      return { ...loaded, source };
    },
  });
  process.on('exit', () => {
    for (const mutation of mutations) {
      if (!planted.has(mutation)) console.error(`mutant: ${mutation.file} was never loaded`);
    }
  });
}

function replaced(source: string, { file, find, put }: Mutation): string {
  const parts = source.split(find);
  if (parts.length !== 2) {
    throw new Error(`mutant: ${file} has ${parts.length - 1} times, not once: ${find}`);
  }
  return parts.join(put);
}

function textOf(source: unknown): string {
  if (typeof source === 'string') return source;
  if (source instanceof Uint8Array) return Buffer.from(source).toString('utf8');
  throw new Error('mutant: a module without source text');
}
