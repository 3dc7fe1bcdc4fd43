import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, describe, it } from 'node:test';
import { until, within } from '../e2e/deadline.ts';
import { Child } from '../e2e/processes/child.ts';
import { freePort } from '../e2e/processes/free-port.ts';
import { createServer } from '../process/http.ts';
import { TestClient } from './edge/testing/test-client.ts';

const children: Child[] = [];
const MAIN = join(import.meta.dirname, 'main.ts');
const EARLY_SIGNAL = join(import.meta.dirname, '..', 'process', 'early-signal.ts');

interface Started {
  readonly env?: Readonly<Record<string, string>>;
  /** Options of node itself. */
  readonly node?: readonly string[];
}

function start(line: string, { env = {}, node = [] }: Started = {}): Child {
  const args = [...node, MAIN, ...line.split(' ').filter((word) => word !== '')];
  const child = new Child({ command: process.execPath, args, env });
  children.push(child);
  return child;
}

const exit = async (child: Child) =>
  (await within(child.exited, { for: `an end of ${child.output}`, deadlineMs: 30_000 })).code;

/** A gateway that drains slowly enough to be caught at it. */
async function serving(options: string, started?: Started) {
  const [port, adminPort] = [await freePort(), await freePort()];
  const child = start(`--port ${port} --admin-port ${adminPort} ${options}`, started);
  await until(() => child.output.includes('"serving"') || child.exit !== undefined, {
    for: 'the gateway to serve',
    deadlineMs: 30_000,
  });
  assert.equal(child.exit, undefined, child.output);
  return { child, port };
}

describe('the gateway’s process', () => {
  afterEach(async () => {
    await Promise.all(children.splice(0).map((child) => child.end('SIGKILL')));
  });

  it('explains every option and ends well', async () => {
    const child = start('--help');
    assert.equal(await exit(child), 0);
    assert.match(child.output, /^Usage: .*--redis, --redis-url.*--auth-jwks-url/s);
  });

  it('ends with 0 when it is told to while its program still loads, as in its image', async () => {
    const dockerfile = await readFile(join(import.meta.dirname, '..', 'Dockerfile'), 'utf8');
    assert.match(
      dockerfile,
      /^ENTRYPOINT .*"--import", "\.\/process\/early-signal\.js", "gateway\//m,
    );
    const told = 'data:text/javascript,process.kill(process.pid,"SIGTERM")';
    const ports = `--port ${await freePort()} --admin-port ${await freePort()}`;
    const child = start(ports, { node: ['--import', EARLY_SIGNAL, '--import', told] });
    assert.equal(await exit(child), 0, child.output);
  });

  it('ends with 2 and a line for each wrong setting', async () => {
    const env = { WSCLUSTER_EDGE_HEARTBEAT_MS: 'x', WSCLUSTER_REDIS_URL: 'canary' };
    const child = start('--prot 1', { env });
    assert.equal(await exit(child), 2);
    const lines = child.output.trim().split('\n');
    assert.equal(lines.length, 3, child.output);
    assert.match(child.output, /--prot: .*--port/);
    assert.match(child.output, /WSCLUSTER_EDGE_HEARTBEAT_MS: .*"x"/);
    assert.doesNotMatch(child.output, /canary/);
  });

  it('ends with 2 and one line when its port is taken', async () => {
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
    const { port } = taken.address() as AddressInfo;
    const child = start(`--port ${port} --admin-port 0`);
    assert.equal(await exit(child), 2);
    assert.equal(child.output.trim().split('\n').length, 1, child.output);
    taken.close();
  });

  describe('told of secrets that it cannot use', () => {
    const KEYS = 'a file that holds a JWK Set, not ';
    const NO_KEY = 'no key that verifies HS256, RS256, ES256 or EdDSA';
    const FIXED = `auth.keys: a JWK Set, at most 4096 characters, not (hidden): `;
    let folder = '';
    before(async () => {
      folder = await mkdtemp(join(tmpdir(), 'wscluster-main-'));
    });
    after(() => rm(folder, { recursive: true }));

    async function refused(line: string, started?: Started): Promise<string[]> {
      const child = start(`--port 0 --admin-port 0 ${line}`, started);
      assert.equal(await exit(child), 2, child.output);
      assert.doesNotMatch(child.output, /canary/);
      return child.output.trim().split('\n').sort();
    }

    it('names each setting and file, and what is wrong, all at once', async () => {
      const [keys, apiKeys] = [join(folder, 'keys'), join(folder, 'api-keys')];
      await writeFile(keys, '{"keys":[{"kty":"oct","k":"canary"}]}');
      await writeFile(apiKeys, 'canary');
      const files = `--auth-keys-file ${keys} --auth-api-keys-file ${apiKeys}`;
      const password = join(folder, 'password');
      await writeFile(password, 'canary\n\n');
      const env = {
        WSCLUSTER_REDIS_URL_FILE: '/none',
        WSCLUSTER_REDIS_SENTINELS: 'h:1',
        WSCLUSTER_REDIS_SENTINEL_NAME: 'main',
        WSCLUSTER_REDIS_SENTINEL_PASSWORD_FILE: password,
      };
      const expected = [
        'auth.apiKeysFile: a file with one key of 16 to 512 characters per line, ' +
          `not "${apiKeys}": line 1: a key has 16 to 512 characters without spaces`,
        `auth.keysFile: ${KEYS}"${keys}": keys[0]: an HS256 secret has at least 32 bytes`,
        'redis.sentinelPasswordFile: a file that holds a password on one line, ' +
          `not "${password}": it has more than one line`,
        'redis.urlFile: a file that holds redis://[[user]:password@]host[:port][/database], or ' +
          'rediss:// for TLS, not "/none": cannot be read (ENOENT)',
      ];
      assert.deepEqual(await refused(files, { env }), expected);
      // And beside what is wrong by itself, however it was given.
      const others = '--edge-max-topics 0 --auth-anonymous maybe --peers h:99999';
      const lines = await refused(`${files} ${others}`, { env });
      assert.deepEqual(lines.slice(3), expected, lines.join('\n'));
      assert.match(lines[0] ?? '', /^--auth-anonymous: .*"maybe"/);
      assert.match(lines[1] ?? '', /^--edge-max-topics: /);
      assert.match(lines[2] ?? '', /^--peers: .*"h:99999"/);
    });

    it('names the setting that holds keys itself', async () => {
      assert.deepEqual(await refused('--auth-keys {"keys":[]} --edge-max-topics 0'), [
        '--edge-max-topics: a whole number from 1 to 100000, not "0"',
        FIXED + NO_KEY,
      ]);
      const env = { WSCLUSTER_AUTH_KEYS: '{}' };
      const noSet = 'not a JWK Set: an object with a list "keys"';
      assert.deepEqual(await refused('', { env }), [FIXED + noSet]);
    });
  });

  it('drains at SIGTERM and ends with 0', async () => {
    const drain = '--edge-drain-grace-ms 50 --edge-drain-deadline-ms 5000';
    const { child, port } = await serving(`${drain} --ring-heartbeat-ms 200`);
    const client = await TestClient.ready(port);
    const ring = () => child.output.includes('a new ring');
    await until(ring, { for: 'a ring', deadlineMs: 10_000 });
    child.signal('SIGTERM');
    assert.equal((await client.closing()).code, 4000);
    assert.equal(await exit(child), 0);
    // Nothing but its start, a ring of its own, and its end: all was well.
    const said = child.output.trim().split('\n');
    const messages = said.map((line) => (JSON.parse(line) as { msg: string }).msg.split(';')[0]);
    assert.deepEqual(messages.sort(), ['a new ring', 'draining', 'serving']);
  });

  it('ends with 0 at SIGTERM while it waits for what it needs', async () => {
    const wait = '--start-wait-s 60 --redis-url-file /none';
    const child = start(`--port 0 --admin-port 0 ${wait}`);
    await until(() => child.output.includes('it waits for what it lacks'), {
      for: () => `the wait: ${child.output}`,
      deadlineMs: 30_000,
    });
    assert.match(child.output, /redis\.urlFile.*\/none.*ENOENT/);
    child.signal('SIGTERM');
    assert.equal(await exit(child), 0, child.output);
  });

  it('ends at once at the second signal', async () => {
    const { child } = await serving('--edge-drain-grace-ms 60000');
    child.signal('SIGTERM');
    await until(() => child.output.includes('draining'), { for: 'a drain', deadlineMs: 5_000 });
    // The same signal twice in half a second is one: a terminal and its launcher both send it.
    await until(() => child.exit !== undefined || void child.signal('SIGTERM'), {
      for: 'the end',
      deadlineMs: 10_000,
      everyMs: 200,
    });
    assert.equal(await exit(child), 1);
  });

  it('leaves with 1 after a mistake that nobody caught, its clients told', async () => {
    // What hangs on an error may be a command with a password.
    const error = 'Object.assign(new Error("a mistake"), { command: { args: ["canary"] } })';
    const source = `process.on("SIGUSR2", () => { Promise.reject(${error}); });`;
    const node = ['--import', `data:text/javascript,${encodeURIComponent(source)}`];
    const options = '--edge-drain-grace-ms 50 --edge-drain-deadline-ms 5000';
    const { child, port } = await serving(options, { node });
    const client = await TestClient.ready(port);
    child.signal('SIGUSR2');
    assert.equal((await client.closing()).code, 4000);
    assert.equal(await exit(child), 1);
    assert.match(child.output, /a mistake/);
    // In quotes: the stack names this program, which is a URL.
    assert.doesNotMatch(child.output, /"canary"/);
  });
});
