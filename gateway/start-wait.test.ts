import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, describe, it } from 'node:test';
import { until } from '../e2e/deadline.ts';
import { freePort } from '../e2e/processes/free-port.ts';
import { startRedis } from '../e2e/processes/redis-server.ts';
import { systemClock } from '../protocol/clock.ts';
import { ManualClock } from '../protocol/testing/manual-clock.ts';
import { Gateway } from './gateway.ts';
import { silentLogger } from './logger.ts';
import { settingsFrom } from './settings/load.ts';
import { SettingsError } from './settings/problem.ts';
import { StartWait } from './start-wait.ts';
import { StreamError } from './stream/stream.ts';

const NO_FILE = new SettingsError([
  { field: 'auth.keysFile', value: '"/keys": cannot be read (ENOENT)', wanted: 'a file' },
  { field: 'redis.urlFile', value: '"/url": cannot be read (ENOENT)', wanted: 'a file' },
]);
const NO_REDIS = new StreamError('store_unavailable', 'Redis cannot be reached');

describe('what a start waits for', () => {
  function waiting(limitMs: number) {
    const clock = new ManualClock();
    const told: string[] = [];
    const logger = {
      ...silentLogger,
      warn: ({ lacking }: { lacking?: readonly { what: string }[] }) =>
        void told.push((lacking ?? []).map(({ what }) => what).join()),
    };
    return { clock, told, wait: new StartWait({ clock, logger, limitMs }) };
  }

  /** Fails in these ways, one after the other, and then succeeds. */
  function failing(...errors: readonly Error[]) {
    const left = [...errors];
    return async () => {
      const error = left.shift();
      if (error !== undefined) throw error;
      return 'made';
    };
  }

  it('is told by name, the same only once, and forgotten when it is there', async () => {
    const { clock, told, wait } = waiting(60_000);
    const made = wait.first(failing(NO_FILE, NO_FILE, NO_REDIS));
    await new Promise(setImmediate);
    assert.deepEqual(wait.lacking[0], {
      what: 'auth.keysFile',
      reason: 'auth.keysFile: a file, not "/keys": cannot be read (ENOENT)',
    });
    assert.deepEqual(wait.lacking.map(({ what }) => what).at(1), 'redis.urlFile');
    await clock.advance(2_000);
    assert.deepEqual(wait.lacking, [{ what: 'redis', reason: 'Redis cannot be reached' }]);
    await clock.advance(1_000);
    assert.equal(await made, 'made');
    assert.deepEqual(wait.lacking, []);
    assert.deepEqual(told, ['auth.keysFile,redis.urlFile', 'redis']);
  });

  it('is not waited for beyond the limit, which is one for everything', async () => {
    const { clock, wait } = waiting(3_000);
    const first = wait.first(failing(NO_FILE, NO_FILE));
    await clock.advance(2_000);
    await first;
    const second = wait.first(failing(NO_REDIS, NO_REDIS, NO_REDIS));
    second.catch(() => {});
    await clock.advance(1_000);
    await assert.rejects(second, NO_REDIS);
    await assert.rejects(waiting(0).wait.first(failing(NO_FILE)), NO_FILE);
  });

  it('is only what somebody else can mend', async () => {
    const mistake = new TypeError('a mistake of ours');
    await assert.rejects(waiting(60_000).wait.first(failing(mistake)), mistake);
  });

  it('is given up at once when it is stopped', async () => {
    const { wait } = waiting(60_000);
    const made = wait.first(failing(NO_FILE));
    await new Promise(setImmediate);
    wait.stop();
    await assert.rejects(made, /stopped while it was starting/);
  });
});

describe('a gateway that is started before what it needs', () => {
  let folder = '';
  const open: { stop(): Promise<unknown> }[] = [];
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'wscluster-start-'));
  });
  afterEach(async () => {
    while (open.length > 0) await open.pop()?.stop();
  });
  after(() => rm(folder, { recursive: true }));

  async function begin() {
    const [urlFile, keysFile] = [join(folder, 'url'), join(folder, 'keys')];
    await rm(urlFile, { force: true });
    await rm(keysFile, { force: true });
    const adminPort = await freePort();
    const settings = settingsFrom({
      ...{ port: 0, adminPort, startWaitS: 120 },
      redis: { urlFile, connectTimeoutMs: 200 },
      auth: { keysFile },
    });
    const parts = { clock: systemClock, random: Math.random, logger: silentLogger };
    const gateway = new Gateway(settings, parts);
    open.push(gateway);
    const started = gateway.start();
    started.catch(() => {});
    const get = async (path: string) => {
      const response = await fetch(`http://127.0.0.1:${adminPort}${path}`).catch(() => undefined);
      return { status: response?.status ?? 0, body: (await response?.json()) as Status };
    };
    const lacks = (...names: readonly string[]) =>
      until(
        async () => {
          const { body } = await get('/admin/status');
          const all = body?.lacking?.map(({ what }) => what).join();
          return all === names.join() ? body.lacking : undefined;
        },
        { for: `it to lack ${names.join()}`, deadlineMs: 15_000 },
      );
    return { urlFile, keysFile, started, get, lacks, gateway };
  }

  interface Status {
    readonly lacking?: readonly { readonly what: string; readonly reason: string }[];
    readonly checks: readonly { readonly name: string; readonly detail?: string }[];
  }

  it('says what it lacks, takes each thing as it comes, and serves', async () => {
    const { urlFile, keysFile, started, get, lacks } = await begin();
    const [keys] = (await lacks('auth.keysFile', 'redis.urlFile')) ?? [];
    assert.match(keys?.reason ?? '', /"[^"]*\/keys": cannot be read \(ENOENT\)$/);
    const ready = await get('/readyz');
    assert.equal(ready.status, 503);
    const [first] = ready.body.checks;
    assert.match(first?.detail ?? '', /^auth\.keysFile: .*; redis\.urlFile: /);
    assert.equal((await get('/livez')).status, 200);
    const k = Buffer.alloc(32, 1).toString('base64url');
    await writeFile(keysFile, JSON.stringify({ keys: [{ kty: 'oct', alg: 'HS256', k }] }));
    await lacks('redis.urlFile');
    const port = await freePort();
    await writeFile(urlFile, `redis://127.0.0.1:${port}`);
    const [redis] = (await lacks('redis')) ?? [];
    assert.match(redis?.reason ?? '', /ECONNREFUSED/);
    open.push(await startRedis({ port }));
    await started;
    assert.equal((await get('/readyz')).status, 200);
  });

  it('ends when it is stopped meanwhile', async () => {
    const { started, lacks, gateway } = await begin();
    await lacks('auth.keysFile', 'redis.urlFile');
    await gateway.stop();
    await assert.rejects(started, /stopped while it was starting/);
  });
});
