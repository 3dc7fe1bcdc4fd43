import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { pause, until } from '../../../e2e/deadline.ts';
import { type RedisServer, startRedis } from '../../../e2e/processes/redis-server.ts';
import { startSentinel, talk } from '../../../e2e/processes/sentinel.ts';
import { TcpProxy } from '../../../e2e/processes/tcp-proxy.ts';
import { systemClock } from '../../../protocol/clock.ts';
import { ManualClock } from '../../../protocol/testing/manual-clock.ts';
import { gatewaySettings, type RedisSettings } from '../../settings/declaration.ts';
import { draft, Gateway, streamSettings, WAIT_MS } from '../testing/log-world.ts';
import { redisKeys } from './keys.ts';
import { Agreement } from './redis-agreement.ts';
import { type ConnectionName, silentRedisLogCounts } from './redis-counts.ts';
import { RedisLog } from './redis-log.ts';

const ARGS = ['--save', '', '--appendonly', 'no', '--repl-diskless-sync-delay', '0'];
const SHY = ['--user', 'shy', 'on', '>pw', '~*', '&*', '+@all', '-info'];
/** Longer than any test: nobody gives a connection up because it is silent. */
const NEVER_MS = 60_000;
const PROBES = ['control', 'bell'] as const;
const APART = { name: 'StoreDown', message: /different servers/ };
const keys = redisKeys('wscluster');

const wait = (what: string, holds: () => boolean | Promise<boolean>) =>
  until(holds, { for: what, deadlineMs: WAIT_MS, everyMs: 5 });

/** Ids of our connections to a server, by name. */
async function clients({ port }: RedisServer): Promise<Map<string, string>> {
  const list = await talk(port, (redis) => redis.client('LIST'));
  const found = String(list).matchAll(/^id=(\d+) .* name=pod-a-(\w+) /gm);
  return new Map([...found].map(([, id = '', name = '']) => [name, id]));
}

async function kill(server: RedisServer, names: readonly ConnectionName[]): Promise<void> {
  const ids = await clients(server);
  await talk(server.port, async (redis) => {
    for (const name of names) await redis.client('KILL', 'ID', ids.get(name) ?? '');
  });
}

const entries = ({ port }: RedisServer) => talk(port, (redis) => redis.xlen(keys.log('t')));

/** A gateway and what became of its connections. */
class Watched extends Gateway {
  readonly redis: RedisLog;
  readonly lost: ConnectionName[] = [];

  constructor(redis: Partial<RedisSettings>) {
    const settings = gatewaySettings.parse({ redis: { socketTimeoutMs: NEVER_MS, ...redis } });
    const lost: ConnectionName[] = [];
    const log = new RedisLog({
      ...{ redis: settings.redis, stream: streamSettings(), pod: 'pod-a' },
      ...{ clock: systemClock, random: Math.random },
      counts: { ...silentRedisLogCounts, disconnected: (name) => lost.push(name) },
    });
    super(log);
    this.redis = log;
    this.lost = lost;
  }

  async begin(): Promise<this> {
    await this.log.start(this.bell, WAIT_MS);
    await this.probe();
    return this;
  }

  /** The lineage of the first probe that is answered. */
  async probed(): Promise<string> {
    const probe = await until(() => this.log.probe('p').catch(() => undefined), {
      for: 'a probe to be answered',
      deadlineMs: WAIT_MS,
    });
    return probe.lineage;
  }

  /** How a publish ends, again and again until told to stop. */
  publishing(): { readonly outcomes: Set<string>; stop(): Promise<void> } {
    const outcomes = new Set<string>();
    let over = false;
    const done = (async () => {
      while (!over) {
        const ok = () => 'ok';
        outcomes.add(await this.publish('t', 'x').then(ok, (error: Error) => error.name));
        await pause(1);
      }
    })();
    return {
      outcomes,
      stop: () => {
        over = true;
        return done;
      },
    };
  }
}

describe('The connection that publishes', () => {
  const open: { stop(): Promise<unknown> }[] = [];
  let master: RedisServer;
  let replica: RedisServer;

  beforeEach(async () => {
    master = await startRedis({ args: [...ARGS, ...SHY] });
    open.push(master);
    replica = await startRedis({ args: [...ARGS, ...SHY] });
    open.push(replica);
  });

  afterEach(async () => {
    while (open.length > 0) await open.pop()?.stop();
  });

  async function gateway(redis: Partial<RedisSettings> = { url: master.url }): Promise<Watched> {
    const made = new Watched(redis);
    open.push({ stop: () => made.log.stop() });
    return made.begin();
  }

  async function follow(): Promise<void> {
    await talk(replica.port, (redis) => redis.replicaof('127.0.0.1', master.port));
    const linked = async () =>
      (await talk(replica.port, (redis) => redis.info('replication'))).includes('link_status:up');
    await wait('the replica to follow', linked);
  }

  /** What leads to the master, as a name does whose owner can change. */
  async function proxied(user = ''): Promise<{ name: TcpProxy; url: string }> {
    const name = await TcpProxy.open(master.port);
    open.push({ stop: () => name.close() });
    return { name, url: `redis://${user}127.0.0.1:${name.port}` };
  }

  /** Two masters, as after a failover that the old one has not heard of. */
  const promote = () => talk(replica.port, (redis) => redis.replicaof('NO', 'ONE'));

  /** All three are on the old master; the next one that is made is led to the new one. */
  async function splitBrain(): Promise<{ a: Watched; name: TcpProxy }> {
    await follow();
    const { name, url } = await proxied();
    const a = await gateway({ url });
    await a.publish('t', '1');
    await wait('the replica to have it', async () => (await entries(replica)) === 1);
    await promote();
    name.leadTo(replica.port);
    return { a, name };
  }

  test('is broken before a probe tells of a new master that it is not on', async () => {
    const { a } = await splitBrain();
    const before = await a.probed();
    await kill(master, PROBES);
    assert.notEqual(await a.probed(), before);
    await assert.rejects(a.publish('t', 'lost'), { name: 'StoreDown' });
    await a.back();
    await a.publish('t', '2');
    assert.deepEqual([await entries(master), await entries(replica)], [1, 2]);
    await wait('the old master to be left', async () => (await clients(master)).size === 0);
  });

  test('is broken before a probe tells of the master that Sentinel named meanwhile', async () => {
    const group = await startSentinel();
    open.push(group);
    const old = await group.master();
    const proxy = await TcpProxy.open(Number(group.sentinels[0]?.split(':')[1]));
    open.push({ stop: () => proxy.close() });
    const sentinels = [`127.0.0.1:${proxy.port}`];
    const a = await gateway({ sentinels, sentinelName: group.name });
    // Or the gateway would hear of the new master from Sentinel before any probe.
    proxy.swallowThose('+switch-master');
    await a.publish('t', '1');
    const [heir = old] = group.servers.filter((server) => server !== old);
    await wait('the replica to have it', async () => (await entries(heir)) === 1);
    old.freeze();
    const promoted = await group.promoted(old, 20_000);
    old.thaw();
    await kill(old, PROBES);
    await a.probed();
    await assert.rejects(a.publish('t', 'lost'), { name: 'StoreDown' });
    await a.back();
    await a.publish('t', '2');
    assert.deepEqual([await entries(old), await entries(promoted)], [1, 2]);
  });

  test('is not used when it was made anew on the old master', async () => {
    const { a, name } = await splitBrain();
    await kill(master, ['publish', ...PROBES]);
    await a.back();
    name.leadTo(master.port);
    await kill(replica, ['publish']);
    await wait('it to be made', async () => (await clients(master)).has('publish'));
    a.lost.length = 0;
    for (let times = 0; times < 50; times += 1) {
      await assert.rejects(a.log.append('t', [draft('lost')], 0), { name: 'StoreDown' });
      if (times % 10 === 0) await a.probed();
    }
    assert.equal(await entries(master), 1);
    name.leadTo(replica.port);
    await a.back();
    assert.deepEqual(new Set(a.lost), new Set(['publish']));
  });

  test('is kept where it is the newer one: the probes look for the master again', async () => {
    const { a } = await splitBrain();
    await kill(master, ['publish']);
    await wait('it to be made', async () => (await clients(replica)).has('publish'));
    const id = (await clients(replica)).get('publish');
    await assert.rejects(a.publish('t', '2'), { name: 'StoreDown' });
    await assert.rejects(a.log.probe('p'), APART);
    await a.back();
    await a.publish('t', '2');
    assert.equal((await clients(replica)).get('publish'), id);
    assert.deepEqual([await entries(master), await entries(replica)], [1, 2]);
  });

  test('is left when its server was made a replica, although nothing was published', async () => {
    const a = await gateway();
    await talk(master.port, (redis) => redis.replicaof('127.0.0.1', '1'));
    await a.probe();
    await wait('it to be left', () => a.lost.includes('publish'));
    assert.deepEqual(a.lost, ['publish']);
    await talk(master.port, (redis) => redis.replicaof('NO', 'ONE'));
    await a.back();
  });

  test('stays, as all others, when a first replica changes the id of its master', async () => {
    const a = await gateway();
    const before = await a.probed();
    const publishing = a.publishing();
    await follow();
    await wait('the id to change', async () => (await a.probed()) !== before);
    for (let times = 0; times < 20; times += 1) await a.probed();
    publishing.outcomes.clear();
    await wait('a publish', () => publishing.outcomes.size > 0);
    await publishing.stop();
    assert.deepEqual([...publishing.outcomes], ['ok']);
    assert.deepEqual(a.lost, []);
  });

  test('waits for a probe after a clean restart, and for nothing else', async () => {
    const a = await gateway();
    await a.publish('t', '1');
    await talk(master.port, (redis) => redis.save());
    await master.kill();
    await master.restart();
    await wait('it to be made', async () => (await clients(master)).size === 3);
    await a.probed();
    await a.publish('t', '2');
    assert.deepEqual([await entries(master), a.lost.length], [2, 3]);
  });

  test('is taken as it is where INFO is hidden', async () => {
    await follow();
    const { name, url } = await proxied('shy:pw@');
    const a = await gateway({ url });
    await promote();
    name.leadTo(replica.port);
    await kill(master, PROBES);
    await wait('the probes to move', async () => (await clients(replica)).size === PROBES.length);
    await a.probed();
    await a.publish('t', '1');
    assert.equal(await entries(master), 1);
  });

  test('costs a probe no time, and is given up for its silence without a publish', async () => {
    const proxy = await TcpProxy.open(master.port);
    open.push({ stop: () => proxy.close() });
    const a = await gateway({ url: `redis://127.0.0.1:${proxy.port}`, socketTimeoutMs: 1_500 });
    proxy.swallowThose('pod-a-publish');
    await a.probe();
    assert.deepEqual(a.lost, []);
    await wait('it to be given up', () => a.lost.includes('publish'));
    assert.deepEqual(a.lost, ['publish']);
    await a.back();
  });
});

const [OLD, NEW, OTHER, NONE] = ['a', 'b', 'c', '0'].map((letter) => letter.repeat(40));

/** What INFO replication says. */
const says = (id = NONE, before = NONE, role = 'master') =>
  `role:${role}\r\nmaster_replid:${id}\r\nmaster_replid2:${before}\r\n`;

describe('Of what the two connections show', () => {
  /** Publish and control answer INFO with these, in turn; the last one again and again. */
  function shown(publish: (string | Error)[], control: (string | Error)[]) {
    const done: string[] = [];
    const clock = new ManualClock();
    const asked = (answers: (string | Error)[]) => ({
      call: async () => {
        const answer = answers.length > 1 ? answers.shift() : answers[0];
        if (answer instanceof Error) throw answer;
        return answer === 'silence' ? new Promise<never>(() => {}) : answer;
      },
    });
    const agreement = new Agreement({
      publish: {
        ...asked(publish),
        usable: true,
        break: () => done.push('break publish'),
        leave: () => done.push('leave publish'),
      },
      control: asked(control),
      breakProbes: () => done.push('break probes'),
      clock,
      limitMs: 1_000,
    });
    return { agreement, clock, done };
  }

  const outcome = (confirmed: Promise<void>) =>
    confirmed.then(
      () => 'confirmed',
      (error: Error) => error.name,
    );

  test('the one behind is broken; where neither is, all are; a replica is left', async () => {
    const cases = [
      [says(OLD), says(NEW, OLD), 'confirmed', 'break publish'],
      [says(NEW, OLD), says(OLD), 'StoreDown', 'break probes'],
      [says(OTHER), says(NEW, OLD), 'StoreDown', 'break publish,break probes'],
      [says(NEW, OLD, 'slave'), says(NEW, OLD), 'confirmed', 'leave publish'],
    ] as const;
    for (const [publish, control, expected, broken] of cases) {
      const { agreement, done } = shown([publish], [control]);
      assert.equal(await outcome(agreement.confirm(/\w{40}/.exec(control)?.[0])), expected);
      assert.equal(done.join(), broken, `${publish} ${control}`);
    }
  });

  test('nothing is broken when the id changed between two answers of one server', async () => {
    const { agreement, done } = shown([says(NEW, OLD)], [says(NEW, OLD)]);
    assert.equal(await outcome(agreement.confirm(OLD)), 'StoreDown');
    assert.equal(await outcome(agreement.confirm(NEW)), 'confirmed');
    assert.deepEqual([done, agreement.usable], [[], true]);
  });

  test('what is hidden on the one that publishes is accepted', async () => {
    const { agreement, done } = shown([new Error('NOPERM no INFO')], []);
    assert.equal(await outcome(agreement.confirm(NEW)), 'confirmed');
    assert.deepEqual([done, agreement.usable], [[], true]);
  });

  test('a refusal or silence of the one that publishes breaks it, in time', async () => {
    const busy = shown([new Error('BUSY')], []);
    assert.equal(await outcome(busy.agreement.confirm(NEW)), 'confirmed');
    assert.deepEqual([busy.done, busy.agreement.usable], [['break publish'], false]);
    const { agreement, clock, done } = shown(['silence'], []);
    const confirmed = outcome(agreement.confirm(NEW));
    await clock.advance(999);
    assert.deepEqual(done, []);
    await clock.advance(1);
    assert.deepEqual([await confirmed, done], ['confirmed', ['break publish']]);
  });

  test('nothing is asked twice, and nothing waits, while they agree', async () => {
    const { agreement } = shown([says(NEW), 'never asked'], []);
    assert.equal(await outcome(agreement.confirm(NEW)), 'confirmed');
    assert.equal(await outcome(agreement.confirm(NEW)), 'confirmed');
    assert.equal(agreement.usable, true);
  });
});
