// `npm run build:cli`: makes cli/dist, the package `wscluster` as it is published, and beside its
// files the tarball that `npm install` takes. The last line says where that is.
//
// One file without dependencies: a plugin is installed for many years on machines of many people,
// and starts anew for each word. What reads kubeconfigs is @kubernetes/client-node; of that only
// its configuration comes in, as all the rest would make it six times as large.

import { chmodSync, copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { build, type Plugin } from 'esbuild';
import { licensesOf } from './packages/licenses.ts';
import { pack } from './packages/pack.ts';

const root = join(import.meta.dirname, '..');
const source = join(root, 'cli');
const target = resolve(process.argv[2] ?? join(source, 'dist'));
const PROGRAM = 'wscluster.js';
const LICENSES = 'THIRD-PARTY-LICENSES.txt';

const configurationOnly: Plugin = {
  name: 'only what reads kubeconfigs',
  setup: ({ onResolve }) => {
    onResolve({ filter: /^@kubernetes\/client-node$/ }, () => ({
      path: join(root, 'node_modules/@kubernetes/client-node/dist/config.js'),
      sideEffects: false,
    }));
  },
};

/** Resolves to the files that went into it. */
async function bundle(): Promise<string[]> {
  const outfile = join(target, PROGRAM);
  const { metafile } = await build({
    ...{ entryPoints: [join(source, 'main.ts')], outfile, absWorkingDir: root },
    ...{ bundle: true, metafile: true, platform: 'node', format: 'esm', target: 'node22' },
    plugins: [configurationOnly],
    // Packages of the other kind ask for Node's modules by `require`.
    banner: {
      js:
        "#!/usr/bin/env node\nimport { createRequire } from 'node:module';\n" +
        'const require = createRequire(import.meta.url);',
    },
  });
  chmodSync(outfile, 0o755);
  return Object.values(metafile.outputs).flatMap(({ inputs }) =>
    Object.entries(inputs).flatMap(([path, { bytesInOutput }]) => (bytesInOutput > 0 ? path : [])),
  );
}

function describe(): void {
  const manifest: Record<string, unknown> = JSON.parse(
    readFileSync(join(source, 'package.json'), 'utf8'),
  );
  const { private: _, ...published } = manifest;
  const described = {
    ...published,
    bin: { 'kubectl-wscluster': `./${PROGRAM}`, wscluster: `./${PROGRAM}` },
    files: [PROGRAM, LICENSES],
  };
  writeFileSync(join(target, 'package.json'), `${JSON.stringify(described, null, 2)}\n`);
  copyFileSync(join(source, 'README.md'), join(target, 'README.md'));
  copyFileSync(join(root, 'LICENSE'), join(target, 'LICENSE'));
}

rmSync(target, { recursive: true, force: true });
mkdirSync(target, { recursive: true });
const inputs = await bundle();
writeFileSync(join(target, LICENSES), licensesOf(root, inputs));
describe();
process.stdout.write(`${pack(target)}\n`);
