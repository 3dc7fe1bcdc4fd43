import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import { Client } from '@wscluster/client';
import { build } from 'esbuild';
import { Client as Source } from './index.ts';

const LIMIT_BYTES = 10 * 1_024;
const root = join(import.meta.dirname, '..');
const run = (program: string, args: readonly string[], cwd: string) =>
  execFileSync(program, args, { cwd, encoding: 'utf8', timeout: 120_000 });

const program = `
import { Client, OptionsError } from '@wscluster/client';
const client = new Client({ url: 'ws://127.0.0.1:1/ws' });
const states: string[] = [client.state];
client.subscribe<{ n: number }>('t').on('message', ({ data }) => states.push(data.n.toFixed()));
await client.close();
states.push(client.state);
try { new Client({ url: 'x' }); } catch (error) {
  if (error instanceof OptionsError) states.push(error.problems[0]?.field ?? '');
}
console.log(states.join(' '));
`;

describe('the package', () => {
  it('is the sources inside this repository', () => {
    assert.equal(Client, Source);
  });

  it('is at most 10 KB, minified and gzipped', async () => {
    const { outputFiles } = await build({
      entryPoints: [join(root, 'client/index.ts')],
      bundle: true,
      minify: true,
      format: 'esm',
      target: 'es2022',
      write: false,
    });
    const bytes = gzipSync(outputFiles[0]?.contents ?? '', { level: 9 }).length;
    assert.ok(bytes > 0 && bytes <= LIMIT_BYTES, `${bytes} bytes; at most ${LIMIT_BYTES}`);
  });
});

describe('the package as it is published', () => {
  let folder = '';
  const installed = () => join(folder, 'node_modules/@wscluster/client');

  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'wscluster-client-'));
    run(process.execPath, [join(root, 'scripts/build-client.ts'), join(folder, 'dist')], root);
    const [tarball] = run('npm', ['pack', '--silent', join(folder, 'dist')], folder).split('\n');
    mkdirSync(installed(), { recursive: true });
    run('tar', ['xzf', String(tarball), '--strip-components=1', '-C', installed()], folder);
    writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
    writeFileSync(join(folder, 'program.ts'), program);
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  it('has declarations that a strict program compiles with', () => {
    const options = ['--strict', '--types', '', '--target', 'es2024', '--lib', 'es2024,dom'];
    const modules = ['--module', 'nodenext', '--ignoreConfig'];
    const tsc = join(root, 'node_modules/.bin/tsc');
    assert.equal(run(tsc, [...options, ...modules, 'program.ts'], folder), '');
  });

  it('runs without anything else installed', () => {
    const output = run(process.execPath, ['program.js'], folder);
    assert.equal(output.trim(), 'idle closed url');
  });
});
