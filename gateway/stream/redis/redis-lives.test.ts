import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';
import { Redis } from 'ioredis';
import { until } from '../../../e2e/deadline.ts';
import { type RedisServer, startRedis } from '../../../e2e/processes/redis-server.ts';
import { systemClock } from '../../../protocol/clock.ts';
import type { Position } from '../../../protocol/position.ts';
import { gatewaySettings, type StreamSettings } from '../../settings/declaration.ts';
import { chainBounds } from '../chain.ts';
import { draft, Gateway, streamSettings, WAIT_MS } from '../testing/log-world.ts';
import { redisKeys } from './keys.ts';
import { silentRedisLogCounts } from './redis-counts.ts';
import { RedisLog } from './redis-log.ts';

const keys = redisKeys('wscluster');
const [world, pods, unreported] = keys.partition;

describe('What RedisLog keeps in Redis', () => {
  let server: RedisServer;
  let admin: Redis;
  let open: Gateway[] = [];
  let lateReports = 0;

  before(async () => {
    server = await startRedis();
    admin = new Redis(server.url);
  });

  after(async () => {
    admin.disconnect();
    await server.stop();
  });

  beforeEach(async () => {
    await admin.flushall();
    lateReports = 0;
  });

  afterEach(async () => {
    for (const gateway of open) await gateway.log.stop();
    open = [];
  });

  async function gateway(
    stream: Partial<StreamSettings> = {},
    { url = server.url, pod = 'pod-a', keyPrefix = 'wscluster' } = {},
  ): Promise<Gateway> {
    const redis = gatewaySettings.parse({ redis: { url, keyPrefix } }).redis;
    const counts = {
      ...silentRedisLogCounts,
      lateLossReports: (topics: number) => {
        lateReports += topics;
      },
    };
    const log = new RedisLog({
      ...{ redis, pod, counts, stream: streamSettings(stream) },
      ...{ clock: systemClock, random: Math.random },
    });
    const started = new Gateway(log);
    await log.start(started.bell, WAIT_MS);
    open.push(started);
    await started.probe();
    return started;
  }

  /** Changes what meta of `t` says of epoch, lineage and time. */
  async function alter(edit: (state: string) => string): Promise<void> {
    const state = (await admin.hget(keys.meta('t'), 'q')) ?? '';
    assert.notEqual(edit(state), state);
    await admin.hset(keys.meta('t'), 'q', edit(state));
  }

  const ttlS = async (key: string) => Math.round((await admin.pttl(key)) / 1000);

  test('subscribing, reading and probing an unborn topic creates no key of it', async () => {
    const a = await gateway();
    await a.log.listen('t');
    const { head } = await a.resume('t');
    await a.resume('t', head);
    await a.resume('t', { latest: 5 });
    assert.deepEqual((await admin.keys('*')).sort(), [pods, unreported, world].sort());
  });

  test('a log lives for the retention, meta for more than twice that', async () => {
    const a = await gateway({ retentionS: 800 });
    await a.publish('t', '1');
    const [log, meta] = [await ttlS(keys.log('t')), await ttlS(keys.meta('t'))];
    assert.ok(log >= 800 && log <= 900, `log ${log}`);
    assert.ok(meta >= 1602 && meta <= 1702, `meta ${meta}`);
    // As if the greater part of a step had passed: the next step prolongs both.
    await admin.pexpire(keys.log('t'), 801_000);
    await alter((state) => `${state.slice(0, 51)}${Date.now() - 1}`);
    await a.publish('t', '2');
    assert.ok((await ttlS(keys.log('t'))) >= 890);
  });

  test('whoever reads prolongs the life of meta, so that its position stays known', async () => {
    const a = await gateway({ retentionS: 800 });
    await a.publish('t', '1');
    await admin.pexpire(keys.meta('t'), 900_000);
    await a.resume('t');
    assert.ok((await ttlS(keys.meta('t'))) >= 1602);
  });

  test('a report gives meta the life that a publish gives it, new or not', async () => {
    const a = await gateway({ retentionS: 800 });
    const last = await a.publish('old', '1');
    await admin.pexpire(keys.meta('old'), 900_000);
    const { lineage } = await a.log.probe('p');
    const known = new Map([
      ['old', { ...last, seq: 3 }],
      ['new', { ...last, confirmed: last.confirmed - 1_500 }],
    ]);
    await a.log.report(lineage, known, false);
    for (const topic of known.keys()) {
      const meta = await ttlS(keys.meta(topic));
      assert.ok(meta >= 1602 && meta <= 1702, `${topic} ${meta}`);
    }
  });

  test('the partition’s record lives for ever, the wait for reports ends by itself', async () => {
    await gateway({ settleMs: 5_000 });
    assert.equal(await admin.pttl(world), -1);
    const left = await admin.pttl(unreported);
    assert.ok(left > 0 && left <= 5_000);
  });

  test('entries older than the retention are cut, with an exact gap', async () => {
    const a = await gateway({ retentionS: 1 });
    const { head } = await a.resume('t');
    let published = 0;
    const gap = await until(
      async () => {
        published = (await a.publish('t', 'x')).seq;
        const [first] = (await a.resume('t', head)).steps;
        return first?.kind === 'gap' ? first.gap : undefined;
      },
      { for: 'the first entries to be cut', deadlineMs: WAIT_MS, everyMs: 50 },
    );
    assert.equal(gap.reason, 'trimmed');
    assert.equal(gap.from, 1);
    const left = await admin.xlen(keys.log('t'));
    assert.ok(left > 10 && left < published, `${left} of ${published} left`);
    const [first] = await admin.xrange(keys.log('t'), '-', '+', 'COUNT', 1);
    const oldest = first?.[1][1];
    const age = Date.now() - Number(/^e \S+ \d+ (\d+)\n/.exec(oldest ?? '')?.[1]);
    assert.ok(age < 2_000, `the oldest is ${age} ms old`);
  });

  test('a topic that expired as a whole: expired for old positions, reborn for new', async () => {
    const a = await gateway({ retentionS: 1 });
    const last = await a.publish('t', '1');
    await until(async () => (await admin.exists(keys.meta('t'))) === 0, {
      for: 'meta to expire',
      deadlineMs: WAIT_MS,
    });
    assert.equal(await admin.exists(keys.log('t')), 0);
    assert.deepEqual(await a.sees('t', last), ['<expired>']);
    // Confirmed by a probe since: nothing was published in between, so nothing was missed.
    const { second } = await a.log.probe('now');
    assert.deepEqual(await a.sees('t', { ...last, confirmed: second }), []);
    const reborn = await a.publish('t', 'new');
    assert.deepEqual([reborn.seq, reborn.epoch === last.epoch], [1, false]);
  });

  test('meta deleted by hand: no old position is trusted, the orphaned log goes', async () => {
    const a = await gateway();
    const last = await a.publish('t', '1', '2');
    await admin.del(keys.meta('t'));
    const { second } = await a.log.probe('now');
    assert.deepEqual(await a.sees('t', { ...last, confirmed: second }), ['<epoch_unknown>']);
    const next = await a.publish('t', 'new');
    assert.equal(next.seq, 1);
    assert.deepEqual(await a.sees('t', { ...next, seq: 0 }), ['new']);
  });

  test('ids are kept only where there are ids, and for two windows at most', async () => {
    const a = await gateway({ idempotencyWindowS: 100 });
    await a.publish('t', '1');
    const hashes = () => admin.exists(...keys.answers('t'));
    assert.equal(await hashes(), 0);
    await a.log.append('t', [draft('2', { id: 'p', seq: 1 })], 0);
    assert.equal(await hashes(), 1);
    const lives = await Promise.all(keys.answers('t').map(ttlS));
    assert.ok(Math.max(...lives) >= 100 && Math.max(...lives) <= 200, `${lives}`);
  });

  test('a session lives as long as meta, from its last save', async () => {
    const a = await gateway({ retentionS: 100 });
    const key = { identity: 'i', session: 's' };
    const { generation } = await a.log.openSession(key);
    await admin.pexpire(keys.session(key), 50_000);
    await a.log.saveSession(key, generation, new Map());
    assert.equal(await ttlS(keys.session(key)), 202);
  });

  test('the names of sessions live as long as the sessions, and leave with them', async () => {
    const a = await gateway({ retentionS: 100, sessionsPerIdentity: 2 });
    const names = keys.sessions('i');
    const opened = (session: string) => a.log.openSession({ identity: 'i', session });
    await opened('1');
    await opened('2');
    assert.equal(await ttlS(names), 202);
    // 203 seconds ago, when the session of that name was used last.
    const used = Number(await admin.zscore(names, '1'));
    await admin.zadd(names, used - 203_000_000, '1');
    await admin.del(keys.session({ identity: 'i', session: '1' }));
    assert.equal((await opened('3')).forgotten, undefined);
    assert.deepEqual(await admin.zrange(names, 0, -1), ['2', '3']);
    await admin.pexpire(names, 50_000);
    await a.log.saveSession({ identity: 'i', session: '3' }, 1, new Map());
    assert.equal(await ttlS(names), 202);
  });

  test('a session that was opened again while it was forgotten stays', async () => {
    const a = await gateway({ sessionsPerIdentity: 1 });
    const key = { identity: 'i', session: '1' };
    const changed = new Map([['t', { epoch: 'e', seq: 1, confirmed: 1 }]]);
    await a.log.openSession(key);
    await a.log.saveSession(key, 1, changed);
    // In one write: 2 forgets 1, which is opened before it is deleted.
    const [two, one] = await Promise.all([
      a.log.openSession({ ...key, session: '2' }),
      a.log.openSession(key),
    ]);
    assert.deepEqual([two.forgotten, one.forgotten, one.cursors], [1, 1, changed]);
    assert.equal(await admin.exists(keys.session({ ...key, session: '2' })), 0);
    const { g, ...kept } = await admin.hgetall(keys.session(key));
    assert.deepEqual([g, Object.keys(kept).length], ['2', 2]);
  });

  test('two key prefixes on one Redis do not meet', async () => {
    const a = await gateway();
    const other = await gateway({}, { keyPrefix: 'other', pod: 'pod-o' });
    await other.log.listen('t');
    await a.publish('t', '1');
    await other.publish('t', 'mine');
    await until(() => other.bell.heard.length > 0, { for: 'its copy', deadlineMs: WAIT_MS });
    assert.deepEqual(
      other.bell.heard.map(({ entry }) => entry.seq),
      [1],
    );
    assert.equal((await other.resume('t')).head.seq, 1);
  });

  test('a report after the change was settled is counted and changes nothing', async () => {
    const a = await gateway();
    const last = await a.publish('t', '1');
    await admin.del(unreported);
    const { lineage } = await a.log.probe('p');
    const more = { ...last, seq: 5 };
    await a.log.report(
      lineage,
      new Map([
        ['t', more],
        ['u', more],
      ]),
      true,
    );
    assert.equal(lateReports, 2);
    assert.deepEqual(await a.sees('t', last), []);
  });

  test('pods that were not heard of for long are forgotten when a new one comes', async () => {
    await gateway();
    await admin.hset(pods, 'long-gone', Date.now() - 1_000_000);
    await gateway({}, { pod: 'pod-new' });
    assert.deepEqual((await admin.hkeys(pods)).sort(), ['pod-a', 'pod-new']);
  });

  describe('the chain', () => {
    /** As after a promotion, as far as this topic is concerned. */
    const change = () => alter((state) => state.replace(/ \w{40}/, ` ${'f'.repeat(40)}`));

    test('keeps the last epochs with messages, and only so many', async () => {
      const a = await gateway();
      const positions: Position[] = [];
      for (let at = 0; at < chainBounds.links + 6; at += 1) {
        positions.push(await a.publish('t', `${at}`));
        await change();
      }
      const last = `${chainBounds.links + 5}`;
      const oldest = positions.at(-chainBounds.links) as Position;
      assert.equal((await a.sees('t', oldest)).at(-1), last);
      assert.equal((await a.sees('t', oldest)).length, chainBounds.links - 1);
      const older = positions.at(-chainBounds.links - 1) as Position;
      assert.deepEqual(await a.sees('t', older), ['<epoch_unknown>']);
    });

    test('epochs without messages do not push others off it', async () => {
      const a = await gateway();
      const { head } = await a.resume('t');
      const first = await a.publish('t', '1');
      const idle: Position[] = [];
      for (let at = 0; at < 100; at += 1) {
        await change();
        idle.push((await a.resume('t')).head);
      }
      await a.publish('t', '2');
      for (const from of [first, ...idle.slice(-10)])
        assert.deepEqual(await a.sees('t', from), ['2']);
      assert.deepEqual(await a.sees('t', head), ['1', '2']);
      const chain = (await admin.hget(keys.meta('t'), 'c')) ?? '';
      assert.ok(chain.length < 1_000, `${chain.length} characters`);
    });

    test('an epoch with a known loss is not merged away, nor into others', async () => {
      const a = await gateway();
      const first = await a.publish('t', '1');
      const { lineage } = await a.log.probe('p');
      const lost = { ...first, seq: 5 };
      await change();
      await a.log.report(lineage, new Map([['t', lost]]), false);
      const idle: Position[] = [];
      for (let at = 0; at < 5; at += 1) {
        idle.push((await a.resume('t')).head);
        await change();
      }
      const last = (await a.resume('t')).head;
      await change();
      await a.log.report(lineage, new Map([['t', { ...last, seq: 4 }]]), false);
      await a.resume('t');
      await change();
      await a.resume('t');
      assert.deepEqual(await a.sees('t', first), ['<lost 2-5>']);
      for (const from of [...idle, last]) assert.deepEqual(await a.sees('t', from), ['<lost 2-4>']);
    });
  });

  test('the user of docs/redis.md may do what is needed, and nothing else', async () => {
    const page = await readFile(new URL('../../../docs/redis.md', import.meta.url), 'utf8');
    const line = /^ACL SETUSER (wscluster .*)$/m.exec(page)?.[1];
    assert.ok(line !== undefined, 'the page shows the command');
    await admin.call('ACL', 'SETUSER', ...line.split(' '));
    const password = /(?<= >)\S+/.exec(line)?.[0];
    const url = server.url.replace('//', `//wscluster:${password}@`);
    const a = await gateway({ sessionsPerIdentity: 1 }, { url });
    const { head } = await a.resume('t');
    await a.log.listen('t');
    await a.log.append('t', [draft('1', { id: 'p', seq: 1 })], 1);
    await until(() => a.bell.heard.length > 0, { for: 'the copy', deadlineMs: WAIT_MS });
    assert.deepEqual(await a.sees('t', head), ['1']);
    for (const session of ['old', 's']) await a.log.openSession({ identity: 'i', session });
    await a.log.saveSession({ identity: 'i', session: 's' }, 1, new Map([['t', head]]));
    assert.equal(await admin.exists(keys.session({ identity: 'i', session: 'old' })), 0);
    await a.log.report((await a.log.probe('p')).lineage, new Map([['t', head]]), true);
    assert.deepEqual(a.log.unsuitable, []);
    const user = new Redis(url);
    try {
      for (const [command, ...args] of [
        ['flushall'],
        ['keys', '*'],
        ['config', 'get', '*'],
        ['xdel', keys.log('t'), '1-0'],
        ['get', 'elsewhere'],
      ] as const) {
        await assert.rejects(user.call(command, ...args), /NOPERM/);
      }
    } finally {
      user.disconnect();
    }
  });
});
