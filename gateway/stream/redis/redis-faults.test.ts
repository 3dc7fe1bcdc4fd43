import assert from 'node:assert/strict';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { Redis } from 'ioredis';
import { pause, succeeds, until, within } from '../../../e2e/deadline.ts';
import { freePort } from '../../../e2e/processes/free-port.ts';
import {
  type RedisOptions,
  type RedisServer,
  startRedis,
} from '../../../e2e/processes/redis-server.ts';
import { startSentinel } from '../../../e2e/processes/sentinel.ts';
import { TcpProxy } from '../../../e2e/processes/tcp-proxy.ts';
import { systemClock } from '../../../protocol/clock.ts';
import {
  gatewaySettings,
  type RedisSettings,
  type StreamSettings,
} from '../../settings/declaration.ts';
import { StoreDown } from '../log.ts';
import type { Outcome } from '../stream.ts';
import {
  draft,
  Gateway,
  HeardBell,
  LIMIT,
  positionOf,
  streamSettings,
  WAIT_MS,
} from '../testing/log-world.ts';
import { redisKeys } from './keys.ts';
import { RedisLog } from './redis-log.ts';

const SOCKET_MS = 600;
/** A user who may send to pods but not to topics. */
const MUTE = ['on', '>pw', '~*', 'resetchannels', '&*:pod:*', '+@all'];
const keys = redisKeys('wscluster');

function redisLog(
  redis: Partial<RedisSettings>,
  { pod = 'pod-a', stream = {} }: { pod?: string; stream?: Partial<StreamSettings> } = {},
): RedisLog {
  const settings = gatewaySettings.parse({
    redis: { socketTimeoutMs: SOCKET_MS, connectTimeoutMs: 1_000, ...redis },
  }).redis;
  const machine = { clock: systemClock, random: Math.random };
  return new RedisLog({ ...machine, redis: settings, stream: streamSettings(stream), pod });
}

const failure = (outcome: Outcome | undefined) =>
  outcome?.outcome === 'failed' ? outcome.code : outcome?.outcome;

const id = (seq: number) => ({ id: 'p', seq });

describe('RedisLog, when Redis', () => {
  const open: { stop(): Promise<unknown> }[] = [];
  let server: RedisServer;
  let admin: Redis;

  async function started(options: RedisOptions = {}): Promise<RedisServer> {
    const redis = await startRedis(options);
    open.push(redis);
    return redis;
  }

  function adminOf({ url }: { url: string }): Redis {
    const client = new Redis(url, { retryStrategy: () => 20 });
    client.on('error', () => {});
    open.push({ stop: async () => client.disconnect() });
    return client;
  }

  async function gateway(url = server.url, stream: Partial<StreamSettings> = {}) {
    const started = new Gateway(redisLog({ url }, { stream }));
    open.push({ stop: () => started.log.stop() });
    await started.log.start(started.bell, WAIT_MS);
    await started.probe();
    return started;
  }

  async function proxyTo(port: number): Promise<TcpProxy> {
    const proxy = await TcpProxy.open(port);
    open.push({ stop: () => proxy.close() });
    return proxy;
  }

  beforeEach(async () => {
    server = await started({
      args: ['--save', '', '--appendonly', 'no', '--repl-diskless-sync-delay', '0'],
    });
    admin = adminOf(server);
  });

  afterEach(async () => {
    while (open.length > 0) await open.pop()?.stop();
  });

  test('forgets its scripts, what was in the line is written once and in order', async () => {
    const a = await gateway();
    for (let round = 0; round < 10; round += 1) {
      const before = Array.from({ length: 5 }, (_, at) => a.publish('t', `${round}.${at}`));
      const flushed = admin.script('FLUSH');
      const during = Array.from({ length: 5 }, (_, at) => a.publish('t', `${round}.${at + 5}`));
      await flushed;
      const after = Array.from({ length: 5 }, (_, at) => a.publish('t', `${round}.${at + 10}`));
      const positions = await Promise.all([...before, ...during, ...after]);
      const first = round * 15 + 1;
      const expected = Array.from({ length: 15 }, (_, at) => first + at);
      assert.deepEqual(
        positions.map(({ seq }) => seq),
        expected,
      );
    }
    assert.equal((await a.resume('t')).head.seq, 150);
  });

  test('forgets its scripts, reads and sessions load theirs again', async () => {
    const a = await gateway();
    await admin.script('FLUSH');
    const key = { identity: 'i', session: 's' };
    const { generation } = await a.log.openSession(key);
    await Promise.all([a.resume('t'), a.resume('u'), a.probe()]);
    assert.equal(await a.log.saveSession(key, generation, new Map()), 'saved');
  });

  test('is full: sessions are opened from what can be read, and saved when it is not', async () => {
    const a = await gateway();
    const key = { identity: 'i', session: 's' };
    const at = (seq: number) => new Map([['t', { epoch: 'e', seq, confirmed: 1 }]]);
    const first = await a.log.openSession(key);
    await a.log.saveSession(key, first.generation, at(1));
    await admin.config('SET', 'maxmemory', '1');
    await assert.rejects(a.log.saveSession(key, first.generation, at(2)), StoreDown);
    const second = await a.log.openSession(key);
    assert.match(second.unwritten ?? '', /OOM/);
    assert.equal(second.generation, first.generation + 1);
    assert.deepEqual(second.cursors, at(1));
    const unheard = await a.log.openSession({ ...key, session: 'new' });
    assert.deepEqual([unheard.generation, unheard.cursors.size], [1, 0]);
    await until(() => a.bell.superseding.some(({ generation }) => generation === 2), {
      for: 'the older holder to be told',
      deadlineMs: WAIT_MS,
    });
    await admin.config('SET', 'maxmemory', '0');
    assert.equal(await a.log.saveSession(key, second.generation, at(3)), 'saved');
    assert.equal(await a.log.saveSession(key, first.generation, at(2)), 'superseded');
    const third = await a.log.openSession(key);
    assert.equal(third.unwritten, undefined);
    assert.deepEqual([third.generation, third.cursors], [3, at(3)]);
  });

  test('is full: publishes fail and are not written, reads and probes work', async () => {
    const a = await gateway();
    const first = await a.publish('t', '1');
    await admin.config('SET', 'maxmemory', '1');
    for (const topic of ['t', 'newborn']) {
      const outcomes = await a.log.append(topic, [draft('x'), draft('y', id(1))], 0);
      assert.deepEqual(outcomes.map(failure), ['store_full', 'store_full']);
    }
    assert.deepEqual(await a.sees('t', { ...first, seq: 0 }), ['1']);
    assert.equal((await a.resume('newborn')).head.seq, 0);
    await a.probe();
    await admin.config('SET', 'maxmemory', '0');
    assert.equal((await a.publish('t', '2')).seq, 2);
    assert.equal((await a.publish('newborn', '1')).seq, 1);
  });

  test('is full and was restarted: the new epoch is still recorded', async () => {
    const a = await gateway();
    const first = await a.publish('t', '1');
    await admin.save();
    await server.kill();
    await server.restart();
    await until(() => succeeds(admin.config('SET', 'maxmemory', '1')), {
      for: 'the limit',
      deadlineMs: WAIT_MS,
    });
    await until(() => succeeds(a.probe(200)), {
      for: 'the probe',
      deadlineMs: WAIT_MS,
    });
    const { head, steps } = await a.resume('t', first);
    assert.notEqual(head.epoch, first.epoch);
    assert.deepEqual(steps, []);
    assert.deepEqual((await a.resume('t')).head.epoch, head.epoch);
  });

  test('is a replica: it is not taken, at the start or later, before it is a master', async () => {
    await admin.replicaof('127.0.0.1', (await started()).port);
    const refused = new Gateway(redisLog({ url: server.url }));
    open.push({ stop: () => refused.log.stop() });
    await assert.rejects(refused.log.start(refused.bell, SOCKET_MS), {
      ...{ name: 'StoreDown', message: /: this Redis is a replica$/ },
    });
    await admin.replicaof('NO', 'ONE');
    const a = await gateway();
    await admin.replicaof('127.0.0.1', (await started()).port);
    for (const type of ['normal', 'pubsub'] as const) await admin.client('KILL', 'TYPE', type);
    // Tries enough for connections that took it to be in use.
    const tries = async () => Number(/received:(\d+)/.exec(await admin.info('stats'))?.[1]);
    const before = await tries();
    await until(async () => (await tries()) > before + 10, { for: 'tries', deadlineMs: WAIT_MS });
    await assert.rejects(a.log.probe('p'), { message: /Redis cannot be reached/ });
    await admin.replicaof('NO', 'ONE');
    await a.back();
  });

  test('became a replica: publishes are down, not unknown, and it is left', async () => {
    const a = await gateway();
    await a.publish('t', '1');
    const other = await started();
    await admin.replicaof('127.0.0.1', other.port);
    await assert.rejects(a.publish('t', '2'), { name: 'StoreDown' });
    await until(
      () =>
        a.log.append('t', [draft('x')], 0).then(
          () => false,
          () => true,
        ),
      {
        for: 'the connection to be given up',
        deadlineMs: WAIT_MS,
      },
    );
    await admin.replicaof('NO', 'ONE');
    await a.back();
  });

  test('became a replica: what was under way is answered too, nothing more is sent', async () => {
    const proxy = await proxyTo(server.port);
    const a = await gateway(`redis://127.0.0.1:${proxy.port}`);
    await a.publish('t', '1');
    await admin.replicaof('127.0.0.1', (await started()).port);
    proxy.delay(40);
    const first = a.publish('t', '2');
    await pause(20);
    // On its way when the first refusal arrives, and refused a moment after it.
    const second = a.publish('u', '1').catch((error: Error) => error.name);
    await assert.rejects(first, { name: 'StoreDown' });
    await assert.rejects(a.publish('v', '1'), { name: 'StoreDown' });
    assert.equal(await second, 'StoreDown');
    await until(() => proxy.counts.accepted > 3, { for: 'another', deadlineMs: WAIT_MS });
    proxy.delay(0);
    await admin.replicaof('NO', 'ONE');
    await a.back();
  });

  test('becomes a replica during a WAIT: what was sent behind it is not unknown', async () => {
    const a = await gateway(server.url, { waitTimeoutMs: 5_000 });
    await a.publish('t', '1');
    const waiting = a.log.append('t', [draft('2')], 1);
    const waited = async () => (await admin.info('clients')).includes('blocked_clients:1');
    await until(waited, { for: 'the WAIT', deadlineMs: WAIT_MS });
    const behind = a.log.append('u', [draft('1')], 0);
    await pause(20);
    await admin.replicaof('127.0.0.1', (await started()).port);
    await assert.rejects(waiting, { name: 'StoreUnknown' });
    await assert.rejects(behind, { name: 'StoreDown' });
    await admin.replicaof('NO', 'ONE');
    await a.back();
    assert.deepEqual([await admin.xlen(keys.log('t')), await admin.xlen(keys.log('u'))], [2, 0]);
  });

  test('loses the reply after the write: unknown, and with its id written once', async () => {
    const proxy = await proxyTo(server.port);
    const a = await gateway(`redis://127.0.0.1:${proxy.port}`);
    proxy.loseReply('needle', { times: 1 });
    await assert.rejects(a.log.append('t', [draft('needle', id(1))], 0), { name: 'StoreUnknown' });
    assert.equal(proxy.counts.repliesLost, 1);
    await a.back();
    const [again] = await a.log.append('t', [draft('needle', id(1))], 0);
    assert.equal(again?.outcome === 'ok' && again.duplicate, true);
    assert.equal(await admin.xlen(keys.log('t')), 1);
  });

  test('loses the reply: nothing is sent a second time by itself', async () => {
    const proxy = await proxyTo(server.port);
    const a = await gateway(`redis://127.0.0.1:${proxy.port}`);
    proxy.loseReply('needle', { times: 1 });
    await assert.rejects(a.publish('t', 'needle'), { name: 'StoreUnknown' });
    await a.back();
    assert.equal(await admin.xlen(keys.log('t')), 1);
  });

  test('freezes: what was sent is unknown within the deadline, then it works again', async () => {
    const a = await gateway();
    server.freeze();
    const began = performance.now();
    const results = await Promise.allSettled([
      a.publish('t', '1'),
      a.resume('t'),
      a.log.probe('p'),
      a.log.listen('t'),
    ]);
    assert.deepEqual(
      results.map((result) => result.status === 'rejected' && result.reason.name),
      ['StoreUnknown', 'StoreUnknown', 'StoreUnknown', 'StoreDown'],
    );
    assert.ok(performance.now() - began < SOCKET_MS * 3);
    server.thaw();
    await a.back();
    assert.equal(a.bell.line.at(-1), 'up');
  });

  test('freezes while connections are made: each attempt has an end', async () => {
    server.freeze();
    const log = redisLog({ url: server.url });
    const began = performance.now();
    await assert.rejects(log.start(new HeardBell(), 1_500), {
      name: 'StoreDown',
      message: /within 1500 ms: .*no answer within 600 ms/,
    });
    assert.ok(performance.now() - began < 3_000);
    server.thaw();
  });

  test('is half open: the bell is made anew although nothing was asked of it', async () => {
    const proxy = await proxyTo(server.port);
    const a = await gateway(`redis://127.0.0.1:${proxy.port}`);
    await a.log.listen('t');
    proxy.swallow();
    await assert.rejects(within(a.log.probe('p'), { for: 'the probe', deadlineMs: WAIT_MS }));
    proxy.pass();
    await a.back();
    const other = await gateway();
    await other.publish('t', '1');
    await until(() => a.bell.heard.length === 1, { for: 'the copy', deadlineMs: WAIT_MS });
  });

  test('sends the probe, but not to the bell: the bell is made anew', async () => {
    const relay = await Relay.open(server.port, 'pod-a-bell');
    open.push({ stop: () => relay.close() });
    const a = await gateway(`redis://127.0.0.1:${relay.port}`);
    relay.deaf = true;
    await a.log.probe('unheard');
    assert.equal(a.bell.tokens.includes('unheard'), false);
    await until(() => a.bell.line.at(-1) === 'down', { for: 'the bell', deadlineMs: WAIT_MS });
    relay.deaf = false;
    await a.back();
    assert.deepEqual(a.bell.line, ['up', 'down', 'up']);
  });

  test('gets the appends of one turn in one write', async () => {
    const relay = await Relay.open(server.port, 'pod-a-publish');
    open.push({ stop: () => relay.close() });
    const a = await gateway(`redis://127.0.0.1:${relay.port}`);
    const topics = Array.from({ length: 20 }, (_, at) => `t${at}`);
    await Promise.all(topics.map((topic) => a.publish(topic, 'warm')));
    relay.writes = 0;
    await Promise.all(topics.map((topic) => a.publish(topic, 'x')));
    assert.equal(relay.writes, 1);
  });

  test('holds something else under a topic’s key: that topic fails, others do not', async () => {
    const a = await gateway();
    for (const topic of ['t', 'u']) await a.publish(topic, '1');
    await admin.set(keys.log('t'), 'not ours');
    await admin.set(keys.meta('u'), 'not ours');
    for (const topic of ['t', 'u']) {
      assert.deepEqual((await a.log.append(topic, [draft('x')], 0)).map(failure), ['internal']);
    }
    await assert.rejects(a.resume('u'), { name: 'StoreDown', message: /WRONGTYPE/ });
    assert.equal((await a.publish('v', '1')).seq, 1);
  });

  test('has too few replicas: not written, but read', async () => {
    const a = await gateway();
    const first = await a.publish('t', '1');
    await admin.config('SET', 'min-replicas-to-write', '1');
    for (const topic of ['t', 'newborn']) {
      const outcomes = await a.log.append(topic, [draft('x')], 0);
      assert.deepEqual(outcomes.map(failure), ['not_replicated']);
    }
    assert.deepEqual(await a.sees('t', { ...first, seq: 0 }), ['1']);
    await a.probe();
    await admin.config('SET', 'min-replicas-to-write', '0');
    assert.equal((await a.publish('t', '2')).seq, 2);
  });

  test('must replicate: ok with a replica, unknown without, also for a duplicate', async () => {
    const replica = await started();
    const follower = adminOf(replica);
    await follower.replicaof('127.0.0.1', server.port);
    const linked = (state: string) =>
      until(
        async () => (await follower.info('replication')).includes(`master_link_status:${state}`),
        {
          for: `the link to be ${state}`,
          deadlineMs: WAIT_MS,
        },
      );
    await linked('up');
    const a = await gateway(server.url, { waitTimeoutMs: 500 });
    const level = async () => (await a.log.append('w', [draft('w')], 1))[0]?.outcome === 'ok';
    await until(level, { for: 'the replica to be level', deadlineMs: WAIT_MS });
    const [written] = await a.log.append('t', [draft('x', id(1))], 1);
    assert.equal(positionOf(written).seq, 1);
    const both = [a.log.append('t', [draft('y', id(2))], 1), a.log.append('u', [draft('z')], 0)];
    assert.deepEqual(
      (await Promise.all(both)).flat().map((o) => o.outcome),
      ['ok', 'ok'],
    );
    await follower.replicaof('NO', 'ONE');
    await until(async () => (await admin.info('replication')).includes('connected_slaves:0'), {
      for: 'the master to notice',
      deadlineMs: WAIT_MS,
    });
    const [alone] = await a.log.append('t', [draft('w', id(3))], 1);
    const [again] = await a.log.append('t', [draft('w', id(3))], 1);
    const [leader] = await a.log.append('t', [draft('w', id(3))], 0);
    assert.deepEqual(
      [alone, again].map((outcome) => outcome?.outcome),
      ['unknown', 'unknown'],
    );
    assert.equal(leader?.outcome === 'ok' && leader.duplicate, true);
  });

  test('is a Redis Cluster: refused at once with one line', async () => {
    const cluster = await started({
      args: ['--save', '', '--appendonly', 'no', '--cluster-enabled', 'yes'],
    });
    const log = redisLog({ url: cluster.url });
    await assert.rejects(log.start(new HeardBell(), WAIT_MS), {
      name: 'StoreRefused',
      message:
        'this is a Redis Cluster, which is not supported yet: use a single Redis or Sentinel',
    });
    await assert.rejects(log.resume('t', { from: undefined, ...LIMIT }), { name: 'StoreDown' });
  });

  test('is not there: start ends at its deadline and says why', async () => {
    await server.kill();
    const log = redisLog({ url: server.url });
    await assert.rejects(log.start(new HeardBell(), 300), {
      name: 'StoreDown',
      message: /ECONNREFUSED/,
    });
  });

  test('evicts: said in words; hides INFO: a warning, and everything works', async () => {
    await admin.config('SET', 'maxmemory-policy', 'allkeys-lru');
    const a = await gateway();
    assert.match(a.log.unsuitable.join(), /allkeys-lru: Redis may drop messages; use noeviction/);
    await admin.call('ACL', 'SETUSER', 'shy', 'on', '>pw', '~*', '&*', '+@all', '-info');
    const shy = await gateway(server.url.replace('//', '//shy:pw@'));
    assert.equal(shy.log.unsuitable.length, 2);
    const { head } = await shy.resume('t');
    await shy.publish('t', '1', '2');
    assert.deepEqual(await shy.sees('t', head), ['1', '2']);
  });

  test('refuses the live copy: the publish is ok and counted', async () => {
    const reasons: string[] = [];
    const counts = {
      disconnected: () => {},
      lateLossReports: () => {},
      foreignMessage: () => {},
      silentPublish: (reason: string) => reasons.push(reason),
    };
    await admin.call('ACL', 'SETUSER', 'mute', ...MUTE);
    const redis = gatewaySettings.parse({
      redis: { url: server.url.replace('//', '//mute:pw@') },
    }).redis;
    const log = new RedisLog({
      ...{ redis, stream: streamSettings(), pod: 'mute' },
      ...{ clock: systemClock, random: Math.random, counts },
    });
    await log.start(new HeardBell(), WAIT_MS);
    open.push({ stop: () => log.stop() });
    const outcomes = await log.append('t', [draft('1'), draft('2')], 0);
    assert.deepEqual(
      outcomes.map((outcome) => positionOf(outcome).seq),
      [1, 2],
    );
    // In the words of Redis 7.0, and in those of the versions before and after it.
    assert.match(reasons.join(), /can't publish|permissions/);
  });

  test('fails over by Sentinel with a lagging replica: exact gaps, and it goes on', async () => {
    const group = await startSentinel();
    open.push(group);
    const a = new Gateway(
      redisLog({ sentinels: [...group.sentinels], sentinelName: group.name, url: server.url }),
    );
    await a.log.start(a.bell, WAIT_MS);
    open.push({ stop: () => a.log.stop() });
    await a.probe();
    const kept = await a.publish('t', '1', '2');
    const master = await group.master();
    await until(async () => (await a.log.append('w', [draft('w')], 1))[0]?.outcome === 'ok', {
      for: 'the replica to be level',
      deadlineMs: WAIT_MS,
    });
    await group.lag();
    const lost = await a.publish('t', '3', '4');
    await master.kill();
    await group.promoted(master, 20_000);
    await a.back();
    const { lineage } = await a.log.probe('p');
    await a.log.report(lineage, new Map([['t', lost]]), true);
    await a.publish('t', 'new 3');
    assert.deepEqual(await a.sees('t', lost), ['<truncated 3-4>', 'new 3']);
    assert.deepEqual(await a.sees('t', kept), ['<lost 3-4>', 'new 3']);
    assert.equal((await a.resume('t', kept)).unsettledMs, 0);
  });
});

/** A proxy that knows which of the connections is which, and treats one of them apart. */
class Relay {
  /** The chosen connection hears nothing more. */
  deaf = false;
  /** How often something came from the chosen connection. */
  writes = 0;
  readonly port: number;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(server: Server, port: number) {
    this.#server = server;
    this.port = port;
  }

  static async open(target: number, chosen: string): Promise<Relay> {
    const server = createServer();
    const port = await freePort();
    await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
    const relay = new Relay(server, port);
    server.on('connection', (client) => relay.#link(client, { target, chosen }));
    return relay;
  }

  #link(client: Socket, { target, chosen }: { target: number; chosen: string }): void {
    const redis = connect(target, '127.0.0.1');
    let known = false;
    for (const socket of [client, redis]) {
      this.#sockets.add(socket);
      socket.on('error', () => socket.destroy());
      socket.on('close', () => (socket === client ? redis : client).destroy());
    }
    client.on('data', (data) => {
      known ||= data.includes(chosen);
      if (known) this.writes += 1;
      redis.write(data);
    });
    redis.on('data', (data) => {
      if (!known || !this.deaf) client.write(data);
    });
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
