import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { RequestListener, Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { Gateway } from '../../gateway/gateway.ts';
import { silentLogger } from '../../gateway/logger.ts';
import { settingsFrom } from '../../gateway/settings/load.ts';
import { createServer } from '../../process/http.ts';
import { systemClock } from '../../protocol/clock.ts';
import { firstRing, SHARDS } from '../../protocol/ring.ts';
import { encodeRing, ringDigest } from '../../protocol/ring-document.ts';
import { ManualClock } from '../../protocol/testing/manual-clock.ts';
import { CommandKey, newCommandKey } from './command-key.ts';
import { GatewayClient, GatewayError, type GatewayPod } from './gateway-client.ts';

const UID = 'a1b2c3d4-0000-4000-8000-000000000001';
const CLUSTER = 'chat';
const { signal } = new AbortController();

const ringAt = (counter: number) =>
  encodeRing(
    firstRing({ cluster: CLUSTER, version: { generation: 1, counter } }, [
      { id: 'one', weight: 100, zone: '', address: '10.0.0.1:8001' },
    ]),
  );

const refused = (status: number, words: RegExp) => (error: unknown) =>
  error instanceof GatewayError && error.status === status && words.test(error.message);

describe('the operator and a gateway', () => {
  let folder = '';
  let gateway: Gateway;
  let key: CommandKey;
  let pod: GatewayPod;
  let client: GatewayClient;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'wscluster-commands-'));
    key = await CommandKey.read(newCommandKey());
    const keysFile = join(folder, 'keys.json');
    await writeFile(keysFile, key.publicKeys);
    const settings = settingsFrom({
      ...{ pod: 'one', port: 0, adminPort: 0 },
      admin: { keysFile, audience: UID },
      ring: { source: 'given', cluster: CLUSTER },
      edge: { drainGraceMs: 60_000, drainDeadlineMs: 120_000 },
    });
    const parts = { clock: systemClock, random: Math.random, logger: silentLogger };
    gateway = new Gateway(settings, parts);
    await gateway.start();
    pod = { uid: UID, ip: '127.0.0.1', adminPort: gateway.address?.adminPort ?? 0 };
    client = new GatewayClient({ key, clock: systemClock });
  });
  after(async () => {
    await gateway.stop();
    await rm(folder, { recursive: true });
  });

  it('speak of how it is', async () => {
    const { pod: name, started, lacking, edge, stream } = await client.status(pod, signal);
    assert.deepEqual([name, started, lacking], ['one', true, []]);
    assert.deepEqual([edge?.connections, edge?.drain], [0, 'serving']);
    assert.deepEqual(stream, { connected: true, unsuitable: [] });
  });

  it('hand over a ring, once, and never an older one', async () => {
    const [first, second] = [ringAt(1), ringAt(2)];
    assert.equal((await client.pushRing(pod, second, signal)).outcome, 'newer');
    assert.equal((await client.pushRing(pod, second, signal)).outcome, 'same');
    const { outcome, version, digest } = await client.pushRing(pod, first, signal);
    assert.deepEqual([outcome, version.counter], ['older', 2]);
    assert.equal(digest, ringDigest(second));
    const { ring } = await client.status(pod, signal);
    assert.deepEqual(ring, { version, digest, owned: SHARDS, members: 1 });
    const message = /400 bad_request: the ring is refused/;
    await assert.rejects(client.pushRing(pod, '{}', signal), refused(400, message));
  });

  it('begin a drain, and call it off', async () => {
    assert.equal((await client.drain(pod, signal)).phase, 'announced');
    assert.equal((await client.status(pod, signal)).edge?.drain, 'announced');
    const { remainingMs = 0 } = await client.drain(pod, signal, 100_000);
    assert.ok(remainingMs > 90_000 && remainingMs <= 100_000, `${remainingMs}`);
    assert.equal((await client.stay(pod, signal)).phase, 'serving');
  });

  it('know each other: not by another key, not for another pod, not a minute later', async () => {
    const other = await CommandKey.read(newCommandKey());
    const [clock, late] = [systemClock, { ...systemClock, wall: () => Date.now() - 120_000 }];
    const stranger = new GatewayClient({ key: other, clock });
    await assert.rejects(stranger.drain(pod, signal), refused(401, /unauthenticated/));
    await assert.rejects(client.drain({ ...pod, uid: 'other' }, signal), refused(401, /aud/));
    assert.notEqual(key.publicKeys, other.publicKeys);
    const tardy = new GatewayClient({ key, clock: late });
    await assert.rejects(tardy.drain(pod, signal), refused(401, /exp/));
  });
});

describe('a gateway that does not answer as one', () => {
  const servers: Server[] = [];
  after(() => {
    for (const server of servers) {
      server.closeAllConnections();
      server.close();
    }
  });

  async function meeting(answer: RequestListener) {
    const server = createServer(answer);
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const clock = new ManualClock();
    const key = await CommandKey.read(newCommandKey());
    const client = new GatewayClient({ key, clock });
    return { client, clock, pod: { uid: UID, ip: '127.0.0.1', adminPort: port } };
  }

  it('is an error that says so', async () => {
    const said = async (answer: RequestListener) => {
      const { client, pod } = await meeting(answer);
      const error = await client.status(pod, signal).catch((thrown: unknown) => thrown);
      assert.ok(error instanceof GatewayError);
      return error.message.replace(/^GET \/admin\/status of 127\.0\.0\.1: /, '');
    };
    assert.match(await said((_, to) => to.end('{"pod":1}')), /^not an answer of a gateway: .*pod/s);
    assert.match(await said((_, to) => to.end('<html>')), /JSON/);
    assert.match(await said((_, to) => to.writeHead(502).end('x')), /^502 not an answer/);
    assert.match(await said((_, to) => to.writeHead(302, { location: '/' }).end()), /redirect/);
    assert.match(await said((_, to) => to.end('x'.repeat(300_000))), /more than 262144 bytes/);
    assert.match(await said((_, to) => to.destroy()), /hang up|closed|terminated|socket/);
  });

  it('is given up after a while, or when nobody wants to know any more', async () => {
    const asked = Promise.withResolvers<void>();
    const { client, clock, pod } = await meeting(() => asked.resolve());
    const unanswered = client.status(pod, signal);
    await asked.promise;
    const ended = assert.rejects(unanswered, /no answer within 5000 ms/);
    await clock.advance(5_000);
    await ended;
    const leaving = new AbortController();
    const abandoned = client.status(pod, leaving.signal);
    leaving.abort(new Error('leaving'));
    await assert.rejects(abandoned, /^Error: leaving$/);
  });
});

describe('the key for commands', () => {
  it('is refused without being quoted', async () => {
    for (const pem of ['canary', '', '-----BEGIN PRIVATE KEY-----\ncanary\n']) {
      await assert.rejects(CommandKey.read(pem), ({ message }: Error) => {
        assert.match(message, /no private Ed25519 key/);
        return !message.includes('canary');
      });
    }
  });
});
