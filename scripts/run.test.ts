import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';

/** Stands for npm: takes a moment, notes that it ran, and leaves what npm leaves. */
const NPM = `
  const { appendFileSync, mkdirSync, rmSync, symlinkSync, copyFileSync } = require('node:fs');
  appendFileSync('installs', 'x');
  if (process.env.NPM_FAILS) { console.error('no network'); process.exit(1); }
  setTimeout(() => {
    rmSync('node_modules', { recursive: true, force: true });
    mkdirSync('node_modules/node/bin', { recursive: true });
    symlinkSync(process.execPath, 'node_modules/node/bin/node');
    copyFileSync('package-lock.json', 'node_modules/.package-lock.json');
  }, 300);
`;

const lockfile = (version: string) =>
  JSON.stringify({ packages: { '': {}, 'node_modules/a': { version } } });

interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

describe('scripts/run.mjs', () => {
  let root = '';
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'wscluster-run-'));
    mkdirSync(join(root, 'scripts'));
    copyFileSync(join(import.meta.dirname, 'run.mjs'), join(root, 'scripts', 'run.mjs'));
    writeFileSync(join(root, 'npm-cli.js'), NPM);
    writeFileSync(join(root, 'package-lock.json'), lockfile('1.0.0'));
    writeFileSync(join(root, 'entry.ts'), 'console.log(process.argv.slice(2).join(" "));\n');
  });
  afterEach(() => rmSync(root, { recursive: true }));

  function start(args: readonly string[], env: Record<string, string> = {}): ChildProcess {
    return spawn(process.execPath, [join(root, 'scripts', 'run.mjs'), ...args], {
      env: { ...process.env, npm_execpath: join(root, 'npm-cli.js'), ...env },
      timeout: 20_000,
    });
  }

  async function finish(child: ChildProcess): Promise<Finished> {
    let stdout = '';
    let stderr = '';
    child.stdout?.on('data', (chunk: Buffer) => {
      stdout += chunk.toString();
    });
    child.stderr?.on('data', (chunk: Buffer) => {
      stderr += chunk.toString();
    });
    const [code] = (await once(child, 'close')) as [number | null];
    return { code, stdout, stderr };
  }

  const installs = () => readFileSync(join(root, 'installs'), 'utf8').length;

  it('installs what is missing, says so, and passes the arguments on', async () => {
    const { code, stdout, stderr } = await finish(start(['entry.ts', '--port', '9000']));
    assert.equal(code, 0, stderr);
    assert.equal(stdout, '--port 9000\n');
    assert.match(stderr, /because nothing is installed yet/);
    assert.match(stderr, /done after \d+ s/);
  });

  it('installs again only when package-lock.json names something else', async () => {
    await finish(start(['entry.ts']));
    assert.equal((await finish(start(['entry.ts']))).stderr, '');
    assert.equal(installs(), 1);
    writeFileSync(join(root, 'package-lock.json'), lockfile('2.0.0'));
    assert.match((await finish(start(['entry.ts']))).stderr, /node_modules\/a is outdated/);
    assert.equal(installs(), 2);
  });

  it('installs once when started twice at the same time', async () => {
    const both = await Promise.all([finish(start(['entry.ts'])), finish(start(['entry.ts']))]);
    assert.deepEqual(
      both.map(({ code }) => code),
      [0, 0],
    );
    assert.equal(installs(), 1);
  });

  it('takes over the lock of a process that is gone', async () => {
    const gone = spawn(process.execPath, ['-e', '']);
    await once(gone, 'close');
    mkdirSync(join(root, '.cache'));
    writeFileSync(join(root, '.cache', 'install.lock'), String(gone.pid));
    assert.equal((await finish(start(['entry.ts']))).code, 0);
    assert.equal(existsSync(join(root, '.cache', 'install.lock')), false);
  });

  it("shows npm's own words when it fails", async () => {
    const { code, stderr } = await finish(start(['entry.ts'], { NPM_FAILS: '1' }));
    assert.equal(code, 1);
    assert.match(stderr, /npm ci failed:\nno network/);
  });

  it('forwards signals and keeps the exit code', async () => {
    writeFileSync(
      join(root, 'entry.ts'),
      "process.on('SIGTERM', () => process.exit(7));\n" +
        "setInterval(() => {}, 1000);\nconsole.log('up');\n",
    );
    const child = start(['entry.ts']);
    const ended = finish(child);
    assert.ok(child.stdout);
    await once(child.stdout, 'data');
    child.kill('SIGTERM');
    assert.equal((await ended).code, 7);
  });

  it('wants an entry', async () => {
    const { code, stderr } = await finish(start([]));
    assert.equal(code, 2);
    assert.match(stderr, /^Usage: /);
  });
});
