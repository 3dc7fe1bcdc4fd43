import assert from 'node:assert/strict';
import { execFile, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
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
const tsc = join(root, 'node_modules/.bin/tsc');
/** What is published need not run on the Node that this repository brings. */
const clientNode = process.env['CLIENT_NODE'] ?? process.execPath;
const LIMITS = { encoding: 'utf8', timeout: 120_000 } as const;
const run = (program: string, args: readonly string[], cwd: string) =>
  execFileSync(program, args, { cwd, ...LIMITS });

/** What npm tells the scripts that it runs would lead an npm inside of them to this repository. */
const plainEnvironment = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => !name.startsWith('npm_')),
);
/** A line of a document, in a shell, without any registry. */
const follow = (line: string, cwd: string) => {
  const env = { ...plainEnvironment, npm_config_offline: 'true' };
  return execFileSync('sh', ['-c', line], { cwd, env, ...LIMITS });
};

/** The first fenced code of one language behind a heading of a document. */
function codeIn(document: string, language: string, heading = ''): string {
  const text = readFileSync(join(root, document), 'utf8');
  const section = text.slice(text.indexOf(`\n${heading}\n`));
  const code = new RegExp(`^\`\`\`${language}\\n([^]*?)^\`\`\`$`, 'm').exec(section)?.[1];
  return code ?? assert.fail(`${document} has no code in ${language}`);
}

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

const urlOf = (gateway: Gateway) => `ws://127.0.0.1:${gateway.address?.port}/ws`;

/** The first line that a program, which does not end by itself, prints. */
async function firstLineOf(file: string, cwd: string): Promise<string> {
  const child = spawn(clientNode, [file], { cwd, stdio: ['ignore', 'pipe', 'inherit'] });
  try {
    const [chunk] = await once(child.stdout, 'data', { signal: AbortSignal.timeout(30_000) });
    return String(chunk).trim();
  } finally {
    child.kill();
  }
}

async function minified(entry: string): Promise<number> {
  const { outputFiles } = await build({
    entryPoints: [entry],
    bundle: true,
    minify: true,
    format: 'esm',
    target: 'es2022',
    write: false,
  });
  return gzipSync(outputFiles[0]?.contents ?? '', { level: 9 }).length;
}

describe('the package', () => {
  it('is the sources inside this repository', () => {
    assert.equal(Client, Source);
  });

  it('is shown by the same lines wherever it is introduced', () => {
    const lines = codeIn('README.md', 'js');
    assert.equal(codeIn('docs/client.md', 'js', '## Ten lines'), lines);
    assert.equal(codeIn('client/README.md', 'js'), lines);
  });
});

describe('the package as docs/client.md says to build and install it', () => {
  let folder = '';
  let application = '';
  const installed = () => join(application, 'node_modules/@wscluster/client');

  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'wscluster-client-'));
    application = join(folder, 'application');
    mkdirSync(application);
    symlinkSync(root, join(folder, 'wscluster'));
    const [building = '', installing = ''] =
      readFileSync(join(root, 'docs/client.md'), 'utf8').match(/(?<=^```sh\n)npm .+$/gm) ?? [];
    follow(building, join(folder, 'wscluster'));
    follow(`npm init --yes && ${installing}`, application);
    writeFileSync(join(application, 'program.mts'), program);
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  it('holds the bundle, its map, declarations, license and readme, and nothing else', () => {
    const tree = run('find', ['.', '-type', 'f'], installed()).trim().split('\n').sort();
    const declarations = tree.filter((path) =>
      /^\.\/types\/(client|protocol)\/.+\.d\.ts$/.test(path),
    );
    assert.ok(declarations.includes('./types/client/index.d.ts'));
    assert.deepEqual(
      tree.filter((path) => !declarations.includes(path)),
      ['./LICENSE', './README.md', './index.js', './index.js.map', './package.json'],
    );
  });

  it('is at most 10 KB minified and gzipped, from the sources and as installed', async (test) => {
    const sizes = async (from: string) => {
      const entry = join(application, 'entry.js');
      const bytes = async (names: string) => {
        writeFileSync(entry, `export ${names} from '${from}';\n`);
        return minified(entry);
      };
      return [await bytes('{ Client }'), await bytes('*')] as const;
    };
    for (const from of [join(root, 'client/index.ts'), '@wscluster/client']) {
      const [client, everything] = await sizes(from);
      test.diagnostic(`${from}: ${client} bytes, with everything exported ${everything}`);
      assert.ok(client > 5_000 && client <= LIMIT_BYTES, `${client} bytes of ${LIMIT_BYTES}`);
      // What only applications that keep positions pay for.
      assert.ok(everything > client && everything <= client + 512, `${everything} bytes`);
    }
  });

  it('has declarations that strict programs compile with, for Node and for browsers', () => {
    const strict = ['--strict', '--ignoreConfig', '--noUncheckedIndexedAccess', 'program.mts'];
    const common = [...strict, '--exactOptionalPropertyTypes', '--target', 'es2024'];
    const types = join(root, 'node_modules/@types');
    const node = ['--lib', 'es2024', '--typeRoots', types, '--types', 'node'];
    const browser = ['--lib', 'es2024,dom', '--types', '', '--noEmit'];
    const bundler = ['--module', 'esnext', '--moduleResolution', 'bundler'];
    assert.equal(run(tsc, [...common, ...node, '--module', 'nodenext'], application), '');
    assert.equal(run(tsc, [...common, ...browser, ...bundler], application), '');
    assert.equal(run(clientNode, ['program.mjs'], application).trim(), 'idle closed url');
  });

  it('runs the ten lines of the README', async () => {
    const gateway = await startGateway();
    const lines = codeIn('README.md', 'js').replace(/(?<=url: ')[^']+/, urlOf(gateway));
    writeFileSync(join(application, 'room.mjs'), lines);
    try {
      assert.equal(await firstLineOf('room.mjs', application), "{ hi: 'from the client' }");
    } finally {
      await gateway.stop();
    }
  });

  it('talks to a gateway with the WebSocket of its Node, and lets the process end', async () => {
    const gateway = await startGateway();
    writeFileSync(join(application, 'conversation.mjs'), conversation);
    const where = { cwd: application, timeout: 30_000 };
    try {
      const args = ['conversation.mjs', urlOf(gateway)];
      const { stdout } = await promisify(execFile)(clientNode, args, where);
      const version = run(clientNode, ['--version'], application).trim();
      assert.equal(stdout.trim(), `${version} 1 {"hi":1}`);
    } finally {
      await gateway.stop();
    }
  });
});
