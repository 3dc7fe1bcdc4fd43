import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build, type Plugin } from 'esbuild';

const ROOT = join(import.meta.dirname, '../..');
const TARGET = join(ROOT, '.cache/programs');
/** Set where `bundlePrograms` made them. */
const BUNDLED = 'WSCLUSTER_TEST_PROGRAMS';

/** Programs that tests start again and again. */
const programs = { gateway: 'gateway/main.ts', embedded: 'embedded/main.ts' } as const;

export type Program = keyof typeof programs;

/** Where a module looks for what lies beside it does not change with where it is loaded from. */
const placesKept: Plugin = {
  name: 'places kept',
  setup: ({ onLoad }) => {
    onLoad({ filter: /\.ts$/ }, async ({ path }) => ({
      loader: 'ts',
      contents: (await readFile(path, 'utf8'))
        .replaceAll('import.meta.dirname', JSON.stringify(dirname(path)))
        .replaceAll('import.meta.url', JSON.stringify(pathToFileURL(path).href)),
    }));
  },
};

/**
 * Makes one file of each program, for all processes of a run of tests: half of what a start costs
 * is to find and load 900 files. Those that are started from here on are started from it.
 */
export async function bundlePrograms(): Promise<void> {
  await build({
    ...{ entryPoints: programs, outdir: TARGET, outExtension: { '.js': '.mjs' } },
    ...{ absWorkingDir: ROOT, logLevel: 'error', sourcemap: 'linked' },
    ...{ bundle: true, platform: 'node', format: 'esm', target: 'node26' },
    ...{ external: ['esbuild'], plugins: [placesKept] },
    // Packages of the other kind ask for Node's modules by `require`.
    banner: {
      js:
        "import { createRequire as requireOf } from 'node:module';\n" +
        'const require = requireOf(import.meta.url);',
    },
  });
  process.env[BUNDLED] = '1';
}

/** What a process of it begins with: what was made of it, or its sources. */
export const fileOf = (program: Program): string =>
  process.env[BUNDLED] === '1' ? join(TARGET, `${program}.mjs`) : sourceOf(program);

/** For modules that are to be changed as they are loaded. */
export const sourceOf = (program: Program): string => join(ROOT, programs[program]);
