import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, describe, it } from 'node:test';
import { Redis } from 'ioredis';
import { until } from '../../../e2e/deadline.ts';
import { type RedisServer, startRedis } from '../../../e2e/processes/redis-server.ts';
import { systemClock } from '../../../protocol/clock.ts';
import { firstRing, type Member } from '../../../protocol/ring.ts';
import { gatewaySettings } from '../../settings/declaration.ts';
import type { Beat } from '../pod-board.ts';
import { boardConformance } from '../testing/board.conformance.ts';
import { redisBoards } from '../testing/board-world.ts';
import { documentOf } from '../testing/fleet.ts';
import { RedisBoard } from './redis-board.ts';

boardConformance('RedisBoard', redisBoards);

/** A pod on a board of its own connection, and a way to look behind it. */
async function onRedis(server: RedisServer, url = server.url) {
  const { redis } = gatewaySettings.parse({ redis: { url } });
  const shared = { clock: systemClock, random: Math.random };
  let ups = 0;
  const board = new RedisBoard({ redis, cluster: 'chat', pod: 'one', ...shared });
  board.open(() => {
    ups += 1;
  });
  const up = (times: number) =>
    until(() => ups >= times, { for: `${times} connections`, deadlineMs: 10_000 });
  await up(1);
  const beat = () =>
    board.beat({
      ...{ pod: 'one', intervalMs: 60_000, leaving: false, ring: undefined, refused: undefined },
      ...{ load: { connections: 0, utilisation: 0 }, known: undefined, mayWrite: true },
      facts: { weight: 1, zone: '', address: 'one:1', key: 'k' },
    });
  const ring = { version: { generation: 1, counter: 1 }, digest: 'd' };
  const everyStep = async () => {
    assert.equal((await beat()).holder, 'one');
    assert.equal(await board.offer({ ring, document: 'a document' }), 'stored');
    assert.deepEqual([...(await board.pods()).facts.keys()], ['one']);
    await board.leave('one');
  };
  const admin = new Redis(server.url);
  const close = () => {
    board.close();
    admin.disconnect();
  };
  return { board, beat, everyStep, up, admin, close };
}

describe('the board on Redis', () => {
  let server: RedisServer;
  before(async () => {
    server = await startRedis();
  });
  after(() => server.stop());

  it('works when memory is full, also for the first who comes', async (t) => {
    const { admin, everyStep, close } = await onRedis(server);
    t.after(close);
    await admin.flushall();
    await admin.config('SET', 'maxmemory', '1');
    await assert.rejects(admin.set('a', 'b'), /OOM/);
    await everyStep();
    await everyStep();
    await admin.config('SET', 'maxmemory', '0');
  });

  it('goes on when Redis forgot the scripts, and when the connection was cut', async (t) => {
    const { admin, everyStep, up, close } = await onRedis(server);
    t.after(close);
    await admin.script('FLUSH');
    await everyStep();
    await admin.client('KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    await up(2);
    await everyStep();
  });

  it('is left by itself when nobody beats for a day', async (t) => {
    const { admin, beat, close } = await onRedis(server);
    t.after(close);
    await beat();
    await beat();
    const keys = await admin.keys('*ring*');
    assert.equal(keys.length, 3);
    for (const key of keys) {
      const left = await admin.pttl(key);
      assert.ok(left > 86_000_000 && left <= 86_400_000, `${key}: ${left}`);
    }
  });

  it('needs no more than the user that docs/redis.md describes', async (t) => {
    const text = await readFile(new URL('../../../docs/redis.md', import.meta.url), 'utf8');
    const rule = /^ACL SETUSER wscluster (.*)$/m.exec(text)?.[1] ?? assert.fail('no such user');
    const { port } = new URL(server.url);
    const { admin, close: closeAdmin } = await onRedis(server);
    t.after(closeAdmin);
    await admin.call('ACL', 'SETUSER', 'wscluster', ...rule.split(' '));
    const url = `redis://wscluster:change-me@127.0.0.1:${port}`;
    const { everyStep, close } = await onRedis(server, url);
    t.after(close);
    await everyStep();
  });
});

const PODS = 500;

/** A board of 500 pods with names, zones and addresses as Kubernetes gives them. */
async function crowded(server: RedisServer) {
  const { redis } = gatewaySettings.parse({ redis: { url: server.url } });
  const shared = { clock: systemClock, random: Math.random };
  const board = new RedisBoard({ redis, cluster: 'chat', pod: 'one', ...shared });
  await new Promise<void>((up) => board.open(up));
  const members = Array.from({ length: PODS }, (_, n): Member => {
    const id = `chat-gateway-7d9f8b6c5d-${String(n).padStart(5, 'x')}`;
    return {
      id,
      weight: 100,
      zone: `eu-west-1${'abc'[n % 3]}`,
      address: `10.244.${n >> 8}.${n & 255}:8001`,
    };
  });
  const ring = firstRing({ cluster: 'chat', version: { generation: 1, counter: 1 } }, members);
  const { document, digest } = documentOf(ring);
  const stamp = { version: ring.version, digest };
  await board.offer({ ring: stamp, document });
  const key = 'k'.repeat(43);
  const beat = ({ id, ...facts }: Member, over: Partial<Beat> = {}) =>
    board.beat({
      ...{ pod: id, intervalMs: 60_000, leaving: false, facts: { ...facts, key } },
      ...{ ring: stamp, refused: undefined },
      ...{ load: { connections: 14_321, utilisation: 0.437 }, known: undefined, mayWrite: true },
      ...over,
    });
  let known = '';
  for (const member of members) known = (await beat(member, { known })).facts.token;
  return { board, members, beat, known };
}

describe('a beat among 500 pods', () => {
  it('is small unless something changed, or the pod writes the ring', async (t) => {
    const server = await startRedis();
    const { board, members, beat, known } = await crowded(server);
    const admin = new Redis(server.url);
    t.after(async () => {
      board.close();
      admin.disconnect();
      await server.stop();
    });
    const traffic = async () => {
      const stats = await admin.info('stats');
      const read = (name: string) => Number(new RegExp(`${name}:(\\d+)`).exec(stats)?.[1]);
      return { in: read('total_net_input_bytes'), out: read('total_net_output_bytes') };
    };
    /** Bytes of one such beat, without those of looking. */
    const bytes = async (step: () => Promise<unknown>) => {
      const [first, second] = [await traffic(), await traffic()];
      await step();
      const third = await traffic();
      const of = (way: 'in' | 'out') => third[way] - second[way] - (second[way] - first[way]);
      return { in: of('in'), out: of('out') };
    };
    const [holder, other] = [members[0], members[250]] as [Member, Member];
    const seen = {
      ordinary: await bytes(() => beat(other, { known })),
      holder: await bytes(() => beat(holder, { known })),
      facts: await bytes(() => beat(other, { known: '' })),
      ring: await bytes(() => beat(other, { known, ring: undefined })),
    };
    t.diagnostic(JSON.stringify(seen));
    await admin.config('RESETSTAT');
    for (let times = 0; times < 200; times += 1) await beat(other, { known });
    const usage = /cmdstat_evalsha:.*usec_per_call=([\d.]+)/.exec(await admin.info('commandstats'));
    t.diagnostic(`${usage?.[1]} µs of Redis for an ordinary beat`);
    assert.ok(seen.ordinary.out < 400 && seen.ordinary.in < 800, JSON.stringify(seen));
    assert.ok(seen.holder.out < 100_000 && seen.facts.out < 100_000, JSON.stringify(seen));
    assert.ok(seen.ring.out < 65_536, JSON.stringify(seen));
  });
});
