import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';
import { Redis } from 'ioredis';
import { succeeds, until } from '../../../e2e/deadline.ts';
import { type RedisServer, startRedis } from '../../../e2e/processes/redis-server.ts';
import { systemClock } from '../../../protocol/clock.ts';
import { gatewaySettings } from '../../settings/declaration.ts';
import type { Draft } from '../stream.ts';
import { CheckingListener } from '../testing/checking-listener.ts';
import { draft, Gateway, streamSettings, texts, WAIT_MS } from '../testing/log-world.ts';
import { HIDING_INFO, shyUrl } from '../testing/redis-world.ts';
import { TopicStream } from '../topic-stream.ts';
import { redisKeys } from './keys.ts';
import { RedisLog } from './redis-log.ts';

const ARGS = ['--save', '', '--appendonly', 'no', '--repl-diskless-sync-delay', '0'];
const FAST = { probeIntervalMs: 100, settleMs: 2_000 };
const LIMIT = { entries: 100, bytes: 100_000 };
const SMALL = { maxEntries: 100, maxBytes: 100_000 };
const keys = redisKeys('wscluster');

const wait = (what: string, holds: () => boolean | Promise<boolean>) =>
  until(holds, { for: what, deadlineMs: WAIT_MS, everyMs: 10 });

describe('Where INFO is hidden, a failover that lost writes', () => {
  let master: RedisServer;
  let replica: RedisServer;
  let heir: Redis;
  let logs: RedisLog[] = [];
  let stop: (() => Promise<void>)[] = [];

  beforeEach(async () => {
    master = await startRedis({ args: [...ARGS, ...HIDING_INFO] });
    replica = await startRedis({ args: [...ARGS, ...HIDING_INFO] });
    heir = new Redis(replica.url);
    await heir.replicaof('127.0.0.1', master.port);
    await wait('the replica to follow', async () =>
      (await heir.info('replication')).includes('master_link_status:up'),
    );
  });

  afterEach(async () => {
    for (const end of stop) await end();
    [stop, logs] = [[], []];
    heir.disconnect();
    await master.stop();
    await replica.stop();
  });

  function log(pod: string): RedisLog {
    const redis = gatewaySettings.parse({ redis: { url: shyUrl(master) } }).redis;
    const parts = { clock: systemClock, random: Math.random };
    const made = new RedisLog({ redis, stream: streamSettings(FAST), pod, ...parts });
    logs.push(made);
    return made;
  }

  async function stream(pod: string): Promise<{ stream: TopicStream; listener: CheckingListener }> {
    const listener = new CheckingListener();
    const parts = { clock: systemClock, random: Math.random, replicas: 0 };
    const settings = streamSettings(FAST);
    const made = new TopicStream({ log: log(pod), listener, settings, ...parts });
    await made.start(WAIT_MS);
    stop.push(() => made.stop(1_000));
    return { stream: made, listener };
  }

  async function gateway(pod: string): Promise<Gateway> {
    const made = new Gateway(log(pod));
    await made.log.start(made.bell, WAIT_MS);
    stop.push(() => made.log.stop());
    await made.probe();
    return made;
  }

  /** What is written from now on dies with the master. */
  async function cutOff(topic: string, seq: number): Promise<void> {
    await wait('the replica to have it', async () => {
      return (await heir.hget(keys.meta(topic), 's')) === String(seq);
    });
    await heir.replicaof('NO', 'ONE');
  }

  async function promote(): Promise<void> {
    for (const one of logs) one.useUrl(shyUrl(replica));
    await master.kill();
  }

  async function insist(to: TopicStream, text: string, seq: number) {
    const { data } = draft(text);
    const producer = { id: 'p', seq };
    const message: Draft = { topic: 't', data, identity: '', producer, ack: 'leader' };
    await wait(text, async () => (await to.publish(message)).outcome === 'ok');
  }

  test('is a gap for who saw them and for who did not', async () => {
    const [a, b] = [await stream('a'), await stream('b')];
    const here = a.listener.expect('t');
    a.stream.follow('t');
    await wait('it to open', () => here.opened !== undefined);
    await insist(b.stream, '1', 1);
    await wait('the first', () => here.entries.length === 1);
    const seen = here.at;
    await cutOff('t', 1);
    await insist(b.stream, '2', 2);
    await insist(b.stream, '3', 3);
    await wait('all', () => here.entries.length === 3);
    await promote();
    await insist(b.stream, 'new 2', 4);
    await wait('the new one', () => here.entries.length === 4);
    assert.deepEqual(texts(here.gaps.map((gap) => ({ kind: 'gap', gap }))), ['<truncated 2-3>']);
    assert(seen !== undefined);
    const { steps } = await b.stream.read('t', seen, LIMIT);
    assert.deepEqual(texts(steps), ['<lost 2-3>', 'new 2']);
  });

  test('begins one new lineage for all, with the first call that knows more', async () => {
    const [a, b] = [await gateway('a'), await gateway('b')];
    const kept = await a.publish('t', '1');
    const before = (await a.log.probe('before')).lineage;
    await cutOff('t', 1);
    const lost = await a.publish('t', '2', '3');
    await promote();
    await a.back();
    await b.back();
    const next = await a.publish('t', 'new 2');
    assert.deepEqual([next.seq, next.epoch === kept.epoch], [2, false]);
    const [one, other] = [await a.log.probe('a'), await b.log.probe('b')];
    assert.equal(one.lineage, other.lineage);
    assert.notEqual(one.lineage, before);
    assert.deepEqual(await b.sees('t', lost), ['<truncated 2-3>', 'new 2']);
    assert.equal((await b.publish('t', '3')).epoch, next.epoch);
  });

  test('is shown by what a gateway heard from the log, not by what a client claims', async () => {
    const [a, b] = [await gateway('a'), await gateway('b')];
    await a.publish('t', '1');
    await cutOff('t', 1);
    const lost = await a.publish('t', '2', '3');
    await promote();
    await wait('b to be back', () => succeeds(b.probe(200)));
    const claimed = await b.resume('t', lost);
    assert.equal(claimed.head.epoch, lost.epoch);
    const heard = await b.log.resume('t', { from: lost, heard: true, ...SMALL });
    assert.notEqual(heard.head.epoch, lost.epoch);
    assert.notEqual(heard.lineage, claimed.lineage);
    assert.deepEqual(texts(heard.steps), ['<truncated 2-3>']);
  });

  test('is not seen where none was lost, and numbers and epoch go on', async () => {
    const [a, b] = [await gateway('a'), await gateway('b')];
    await Promise.all(Array.from({ length: 50 }, (_, at) => (at % 2 ? a : b).publish('u', 'x')));
    const last = await a.publish('t', '1');
    await b.probe();
    await cutOff('t', 1);
    await promote();
    await a.back();
    await b.back();
    const next = await b.publish('t', '2');
    assert.deepEqual([next.seq, next.epoch], [2, last.epoch]);
    assert.deepEqual(await a.sees('t', last), ['2']);
  });
});

describe('Where INFO is readable', () => {
  let server: RedisServer;
  before(async () => {
    server = await startRedis({ args: ARGS });
  });
  after(() => server.stop());

  test('nothing is counted', async () => {
    const redis = gatewaySettings.parse({ redis: { url: server.url } }).redis;
    const parts = { clock: systemClock, random: Math.random };
    const a = new Gateway(new RedisLog({ redis, stream: streamSettings(), pod: 'a', ...parts }));
    await a.log.start(a.bell, WAIT_MS);
    await a.publish('t', '1');
    await a.log.stop();
    const admin = new Redis(server.url);
    const fields = (await admin.hkeys(keys.partition[0])).sort();
    admin.disconnect();
    assert.deepEqual(fields, ['e', 'r', 't']);
  });
});
