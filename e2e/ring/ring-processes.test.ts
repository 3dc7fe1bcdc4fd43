import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Redis } from 'ioredis';
import { compareVersions, SHARDS } from '../../protocol/ring.ts';
import { until } from '../deadline.ts';
import { type GatewayOptions, GatewayProcess } from '../processes/gateway-process.ts';
import { type RedisServer, startRedis } from '../processes/redis-server.ts';
import { agreed as agreedAmong } from '../processes/ring-view.ts';

/** Gone after three of them: a process on a busy machine must not look gone. */
const HEARTBEAT_MS = 500;
const DEADLINE_MS = 40_000;

// Each step begins where the one before it ended.
describe('gateway processes on one Redis', () => {
  let redis: RedisServer;
  let gateways: GatewayProcess[] = [];

  before(async () => {
    redis = await startRedis();
    gateways = [...(await GatewayProcess.startAll(['a', 'b', 'c'].map(options)))];
  });
  after(async () => {
    await Promise.all(gateways.map((gateway) => gateway.kill()));
    await redis.stop();
  });

  function options(name: string): GatewayOptions {
    const ring = { heartbeatMs: HEARTBEAT_MS };
    const edge = { drainGraceMs: 6 * HEARTBEAT_MS };
    return { name, settings: { redis: { url: redis.url }, ring, edge } };
  }

  /** All tell of one ring, and these are its members. */
  const agreed = (...names: string[]) => agreedAmong(gateways, names);

  const named = (name: string | undefined): GatewayProcess =>
    gateways.find((gateway) => gateway.name === name) ?? assert.fail(`no gateway ${name}`);

  async function kill(name: string): Promise<void> {
    await named(name).kill();
    gateways = gateways.filter((gateway) => gateway.name !== name);
  }

  it('find each other and agree on a ring', async () => {
    const ring = await agreed('a', 'b', 'c');
    assert.ok(ring.members.every(({ shards }) => Math.abs(shards - SHARDS / 3) < 1));
  });

  it('agree where a key belongs', async () => {
    const owners = gateways.map(async ({ http }) => {
      const answer = await fetch(`${http}/v1/route?key=alice`);
      return ((await answer.json()) as { owner: string }).owner;
    });
    const [first, ...others] = await Promise.all(owners);
    assert.deepEqual(others, [first, first]);
  });

  it('give a fourth one its share', async () => {
    gateways.push(await GatewayProcess.start(options('d')));
    const { members } = await agreed('a', 'b', 'c', 'd');
    assert.deepEqual(
      members.map(({ shards }) => shards),
      Array(4).fill(SHARDS / 4),
    );
  });

  it('take the share of one that was killed', async () => {
    await kill('b');
    await agreed('a', 'c', 'd');
  });

  it('go on when the one that writes the ring is killed', async () => {
    const { writer, version: before } = await agreed('a', 'c', 'd');
    await kill(writer ?? '');
    const left = gateways.map(({ name }) => name);
    const { version: after, writer: next } = await agreed(...left);
    assert.ok(left.includes(next ?? ''));
    assert.ok((after?.generation ?? 0) > (before?.generation ?? 0));
  });

  it('are not disturbed by a writer that was frozen and thawed', async () => {
    gateways.push(await GatewayProcess.start(options('e')));
    const names = gateways.map(({ name }) => name);
    const { writer } = await agreed(...names);
    const frozen = named(writer);
    frozen.freeze();
    const all = gateways;
    gateways = gateways.filter((gateway) => gateway !== frozen);
    await agreed(...names.filter((name) => name !== writer));
    frozen.thaw();
    gateways = all;
    await agreed(...names);
    for (const gateway of gateways) {
      assert.equal(await gateway.metric('wscluster_ring_conflicts_total'), 0);
    }
  });

  it('bring the ring back to a Redis that lost everything', async () => {
    const names = gateways.map(({ name }) => name);
    const { version } = await agreed(...names);
    const admin = new Redis(redis.url);
    await admin.flushall();
    // Nothing is there until somebody brings it back.
    await until(async () => (await admin.keys('*:ring:*')).length > 0, {
      for: 'a board',
      deadlineMs: DEADLINE_MS,
    });
    admin.disconnect();
    gateways.push(await GatewayProcess.start(options('f')));
    const { version: after } = await agreed(...names, 'f');
    assert.ok(version !== undefined && after !== undefined);
    assert.ok(compareVersions(after, version) > 0);
  });

  it('take out one that drains long before it ends', async () => {
    const leaving = named('f');
    const ended = leaving.terminate(30_000);
    await agreed(...gateways.map(({ name }) => name).filter((name) => name !== 'f'));
    assert.equal(leaving.exit, undefined, 'it serves on');
    gateways = gateways.filter((gateway) => gateway !== leaving);
    assert.deepEqual((await ended)?.code, 0);
  });
});
