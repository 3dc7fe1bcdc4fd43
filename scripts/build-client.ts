// `npm run build:client [-- folder]`: makes the package `@wscluster/client` as it is published, by
// default in client/dist: one bundle, its declarations, its own package.json, and beside them the
// tarball that `npm install` takes. The last line says where that is.
//
// What is published has a folder and a package.json of its own because npm has no other way to let
// `@wscluster/client` mean the sources inside this repository and the bundle outside: it ignores
// `publishConfig.exports`. So client/package.json stays private, for those sources cannot be
// published; client/dist/package.json is not: `npm publish client/dist`.

import { execFileSync } from 'node:child_process';
import { copyFileSync, globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { build } from 'esbuild';
import { pack } from './packages/pack.ts';

const root = join(import.meta.dirname, '..');
const source = join(root, 'client');
const target = resolve(process.argv[2] ?? join(source, 'dist'));
const DEADLINE_MS = 120_000;

async function bundle(): Promise<void> {
  await build({
    entryPoints: [join(source, 'index.ts')],
    outfile: join(target, 'index.js'),
    bundle: true,
    format: 'esm',
    target: 'es2022',
    sourcemap: true,
    sourcesContent: true,
  });
}

function declare(): void {
  const options = [
    '--ignoreConfig',
    '--declaration',
    '--emitDeclarationOnly',
    '--skipLibCheck',
    '--allowImportingTsExtensions',
    '--exactOptionalPropertyTypes',
    '--strict',
    ...['--target', 'es2024', '--module', 'nodenext', '--lib', 'es2024,dom,dom.iterable'],
    ...['--types', ''],
    ...['--rootDir', root, '--outDir', join(target, 'types')],
  ];
  execFileSync(join(root, 'node_modules/.bin/tsc'), [...options, join(source, 'index.ts')], {
    stdio: 'inherit',
    timeout: DEADLINE_MS,
  });
  // Declarations keep the endings of the sources, which only exist here.
  for (const path of globSync('types/**/*.d.ts', { cwd: target })) {
    const file = join(target, path);
    const text = readFileSync(file, 'utf8');
    writeFileSync(file, text.replaceAll(/(from ')(\.[^']+)\.ts'/g, "$1$2.js'"));
  }
}

function describe(): void {
  const manifest: Record<string, unknown> = JSON.parse(
    readFileSync(join(source, 'package.json'), 'utf8'),
  );
  const { private: _, exports: __, ...published } = manifest;
  const types = './types/client/index.d.ts';
  const described = {
    ...published,
    exports: { '.': { types, default: './index.js' } },
    types,
    files: ['index.js', 'index.js.map', 'types'],
  };
  writeFileSync(join(target, 'package.json'), `${JSON.stringify(described, null, 2)}\n`);
  copyFileSync(join(source, 'README.md'), join(target, 'README.md'));
  copyFileSync(join(root, 'LICENSE'), join(target, 'LICENSE'));
}

rmSync(target, { recursive: true, force: true });
mkdirSync(target, { recursive: true });
await bundle();
declare();
describe();
process.stdout.write(`${pack(target)}\n`);
