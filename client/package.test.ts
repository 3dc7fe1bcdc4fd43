import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { Client } from '@wscluster/client';
import { build } from 'esbuild';
import { Gateway } from '../gateway/gateway.ts';
import { silentLogger } from '../gateway/logger.ts';
import { settingsFrom } from '../gateway/settings/load.ts';
import { MemoryStore } from '../gateway/stream/memory/memory-store.ts';
import { systemClock } from '../protocol/clock.ts';
import { Client as Source } from './index.ts';

const LIMIT_BYTES = 10 * 1_024;
const root = join(import.meta.dirname, '..');
/** What is published need not run on the Node that this repository brings. */
const clientNode = process.env['CLIENT_NODE'] ?? process.execPath;
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

const conversation = `
import { Client } from '@wscluster/client';
const client = new Client({ url: process.argv[2] });
const room = client.subscribe('room.1');
await room.ready;
await client.publish('room.1', { hi: 1 });
for await (const { data, seq } of room) {
  console.log(process.version, seq, JSON.stringify(data));
  break;
}
await client.close();
`;

async function startGateway(): Promise<Gateway> {
  const settings = settingsFrom({ port: 0, adminPort: 0 });
  const shared = { clock: systemClock, random: Math.random, logger: silentLogger };
  const store = new MemoryStore({ ...shared, settings: settings.stream });
  const gateway = new Gateway(settings, { ...shared, store });
  await gateway.start();
  return gateway;
}

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
    const output = run(clientNode, ['program.js'], folder);
    assert.equal(output.trim(), 'idle closed url');
  });

  it('talks to a gateway with the WebSocket of its Node, and lets the process end', async () => {
    const gateway = await startGateway();
    writeFileSync(join(folder, 'conversation.js'), conversation);
    const url = `ws://127.0.0.1:${gateway.address?.port}/ws`;
    const where = { cwd: folder, timeout: 30_000 };
    try {
      const { stdout } = await promisify(execFile)(clientNode, ['conversation.js', url], where);
      const version = run(clientNode, ['--version'], folder).trim();
      assert.equal(stdout.trim(), `${version} 1 {"hi":1}`);
    } finally {
      await gateway.stop();
    }
  });
});
