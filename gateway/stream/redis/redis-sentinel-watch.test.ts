import assert from 'node:assert/strict';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { afterEach, describe, test } from 'node:test';
import { until, within } from '../../../e2e/deadline.ts';
import { type RedisServer, startRedis } from '../../../e2e/processes/redis-server.ts';
import { info, startSentinel, talk } from '../../../e2e/processes/sentinel.ts';
import { systemClock } from '../../../protocol/clock.ts';
import { gatewaySettings } from '../../settings/declaration.ts';
import { Gateway, streamSettings, WAIT_MS } from '../testing/log-world.ts';
import { RedisLog } from './redis-log.ts';
import { SentinelWatch } from './redis-sentinel-watch.ts';

/** Longer than any test: nobody gives a connection up because it is silent. */
const NEVER_MS = 60_000;
/** The client's own patience with a stream that was ended is 2 s. */
const CUT_MS = 1_500;

const yes = () => true;
const no = () => false;

describe('When the Sentinels choose another master', () => {
  const open: { stop(): Promise<unknown> }[] = [];

  afterEach(async () => {
    while (open.length > 0) await open.pop()?.stop();
  });

  async function staged() {
    const group = await startSentinel();
    open.push(group);
    const way = { sentinels: [...group.sentinels], sentinelName: group.name };
    const { redis } = gatewaySettings.parse({ redis: { ...way, socketTimeoutMs: NEVER_MS } });
    const parts = { clock: systemClock, random: Math.random };
    const a = new Gateway(
      new RedisLog({ redis, stream: streamSettings(), pod: 'pod-a', ...parts }),
    );
    open.push({ stop: () => a.log.stop() });
    await a.log.start(a.bell, WAIT_MS);
    await a.probe();
    await a.publish('t', '1');
    return { group, a, old: await group.master() };
  }

  const ours = ({ port }: RedisServer) =>
    talk(port, async (redis) => [...String(await redis.client('LIST')).matchAll(/ name=pod-a-/g)]);

  test('the old one is left while it is frozen: nobody is there when it wakes up', async () => {
    const { group, a, old } = await staged();
    old.freeze();
    await group.promoted(old, 20_000);
    await a.back();
    old.thaw();
    assert.equal(await info(old, 'role'), 'master');
    assert.deepEqual(await ours(old), []);
  });

  test('the old one is left while it works, before anybody tells it', async () => {
    const { group, a, old } = await staged();
    const { lineage } = await a.log.probe('before');
    const [, port] = (group.sentinels[0] ?? '').split(':');
    // Refused until the Sentinel has seen enough of the replica.
    const told = () =>
      talk(Number(port), (redis) => redis.call('sentinel', 'failover', group.name)).then(yes, no);
    await until(told, { for: 'Sentinel to fail over', deadlineMs: WAIT_MS });
    const moved = () => a.log.probe('after').then((probe) => probe.lineage !== lineage, no);
    await until(moved, { for: 'the probes to move', deadlineMs: WAIT_MS });
    assert.equal(await info(old, 'role'), 'master');
    assert.deepEqual(await ours(old), []);
    await a.back();
  });

  test('a handshake that is under way when it closes is cut: its answer is not read', async () => {
    const came: Socket[] = [];
    // As long as it does not close, and nobody cuts it, it can be written to.
    const sentinel = createServer({ allowHalfOpen: true }, (socket) => came.push(socket.resume()));
    await new Promise<void>((resolve) => sentinel.listen(0, '127.0.0.1', resolve));
    open.push({
      stop: async () => {
        for (const socket of came) socket.destroy();
        sentinel.close();
      },
    });
    const { port } = sentinel.address() as AddressInfo;
    const watch = new SentinelWatch({
      settings: {
        ...gatewaySettings.parse({ redis: { connectTimeoutMs: NEVER_MS } }).redis,
        sentinels: [`127.0.0.1:${port}`],
        sentinelName: 'main',
        sentinelTls: true,
      },
      onSwitched: () => {},
    });
    open.push({ stop: async () => watch.close() });
    watch.open();
    await until(() => came.length > 0, { for: 'a connection', deadlineMs: WAIT_MS });
    const [socket] = came as [Socket];
    // With an error or without one.
    const refused = new Promise((resolve) => socket.on('error', () => {}).on('close', resolve));
    watch.close();
    // The begin of a long record of TLS, byte by byte: nothing is wrong with it yet.
    socket.write(Buffer.from([0x16, 3, 3, 0x3f, 0xff]));
    const answering = setInterval(() => socket.write('-'), 20);
    open.push({ stop: async () => clearInterval(answering) });
    await within(refused, { for: 'the answer to be refused', deadlineMs: CUT_MS });
  });

  test('it is heard after an absence too, and others’ masters are not heeded', async () => {
    const sentinel = await startRedis();
    open.push(sentinel);
    const left: string[] = [];
    const watch = new SentinelWatch({
      settings: {
        ...gatewaySettings.parse({ redis: { connectTimeoutMs: 1_000 } }).redis,
        sentinels: [`127.0.0.1:${sentinel.port}`],
        sentinelName: 'main',
      },
      onSwitched: (from) => left.push(from),
    });
    open.push({ stop: async () => watch.close() });
    watch.open();
    const say = (text: string) =>
      talk(sentinel.port, (redis) => redis.publish('+switch-master', text));
    const heard = async () => {
      await say('main 10.0.0.1 6379 10.0.0.2 6379');
      return left.length > 0;
    };
    await until(heard, { for: 'the switch', deadlineMs: WAIT_MS });
    await sentinel.kill();
    await sentinel.restart();
    left.length = 0;
    await until(heard, { for: 'the switch that follows', deadlineMs: WAIT_MS });
    left.length = 0;
    await say('other 10.0.0.3 6379 10.0.0.4 6379');
    await until(heard, { for: 'the last switch', deadlineMs: WAIT_MS });
    assert.deepEqual(new Set(left), new Set(['10.0.0.1:6379']));
  });
});
