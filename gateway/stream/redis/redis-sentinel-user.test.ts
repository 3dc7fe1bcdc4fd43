import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { afterEach, describe, test } from 'node:test';
import { until } from '../../../e2e/deadline.ts';
import { freePort } from '../../../e2e/processes/free-port.ts';
import type { RedisServer } from '../../../e2e/processes/redis-server.ts';
import { type SentinelGroup, startSentinel, talk } from '../../../e2e/processes/sentinel.ts';
import { systemClock } from '../../../protocol/clock.ts';
import { gatewaySettings, type RedisSettings } from '../../settings/declaration.ts';
import { Gateway, streamSettings, WAIT_MS } from '../testing/log-world.ts';
import { RedisLog } from './redis-log.ts';

const ADMIN = 'admin';
const PASSWORD = 'change-me';
const USER = { sentinelUser: 'gateways', sentinelPassword: PASSWORD };

describe('Sentinels with users', () => {
  const open: { stop(): Promise<unknown> }[] = [];

  afterEach(async () => {
    while (open.length > 0) await open.pop()?.stop();
  });

  async function staged(): Promise<SentinelGroup> {
    const page = await readFile(new URL('../../../docs/redis.md', import.meta.url), 'utf8');
    const user = /^ACL SETUSER (gateways .*)$/m.exec(page)?.[1];
    assert.ok(user?.includes(` >${PASSWORD} `), 'the page shows the command');
    const config = [`requirepass ${ADMIN}`, `user ${user}`];
    const group = await startSentinel({ config, password: ADMIN });
    open.push(group);
    return group;
  }

  let outages: string[] = [];

  function gateway(redis: Partial<RedisSettings>): Gateway & { readonly redis: RedisLog } {
    const settings = gatewaySettings.parse({ redis }).redis;
    const parts = { clock: systemClock, random: Math.random };
    const log = new RedisLog({
      ...{ redis: settings, stream: streamSettings(), pod: 'pod-a' },
      ...parts,
      onOutage: (connection, reason) => void outages.push(`${connection}: ${reason}`),
    });
    outages = [];
    open.push({ stop: () => log.stop() });
    return Object.assign(new Gateway(log), { redis: log });
  }

  const way = (group: SentinelGroup) => ({
    sentinels: [...group.sentinels],
    sentinelName: group.name,
  });
  const portOf = (group: SentinelGroup) => Number(group.sentinels[0]?.split(':')[1]);

  /** Connections of the user that hear what the Sentinel says. */
  const listening = (group: SentinelGroup) =>
    talk(
      portOf(group),
      async (redis) => {
        const list = String(await redis.client('LIST')).split('\n');
        return list.filter((line) => / sub=1 .* user=gateways /.test(line));
      },
      ADMIN,
    );

  const listens = (group: SentinelGroup) =>
    until(async () => (await listening(group)).length === 1, {
      for: 'the watch to listen',
      deadlineMs: WAIT_MS,
    });

  const killAll = ({ port }: RedisServer) =>
    talk(port, async (redis) => {
      await redis.client('KILL', 'TYPE', 'normal');
      await redis.client('KILL', 'TYPE', 'pubsub');
    });

  test('are asked and heard by the user of docs/redis.md', async () => {
    const group = await staged();
    const a = gateway({ ...way(group), ...USER });
    await a.log.start(a.bell, WAIT_MS);
    await a.probe();
    await a.publish('t', '1');
    await listens(group);
  });

  test('refuse who has no password, or another: the start says so, without it', async () => {
    const group = await staged();
    const cases = [
      [{}, /NOAUTH/],
      [{ ...USER, sentinelPassword: 'canary' }, /WRONGPASS/],
    ] as const;
    for (const [user, said] of cases) {
      const a = gateway({ ...way(group), ...user });
      await assert.rejects(a.log.start(a.bell, 1_500), (error: Error) => {
        assert.match(error.message, said);
        assert.doesNotMatch(error.message, /canary/);
        return true;
      });
    }
  });

  test('that let nobody listen are reported, once; they are asked all the same', async () => {
    const group = await staged();
    const user = ['SETUSER', 'gateways', 'resetchannels'];
    await talk(portOf(group), (redis) => redis.call('ACL', user), ADMIN);
    const a = gateway({ ...way(group), ...USER });
    await a.log.start(a.bell, WAIT_MS);
    await until(() => outages.length > 0, { for: 'the reason', deadlineMs: WAIT_MS });
    await a.probe();
    assert.equal(outages.length, 1);
    assert.match(outages[0] ?? '', /^sentinel 127\.0\.0\.1:\d+: NOPERM .* channel/);
  });

  test('are asked and heard with a new password from the next connection on', async () => {
    const group = await staged();
    const a = gateway({ ...way(group), ...USER });
    await a.log.start(a.bell, WAIT_MS);
    await listens(group);
    const renew = (...rules: string[]) =>
      talk(portOf(group), (redis) => redis.call('ACL', ['SETUSER', 'gateways', ...rules]), ADMIN);
    await renew('resetpass', '>new');
    a.redis.useSentinelPassword('new');
    await a.probe();
    await talk(portOf(group), (redis) => redis.client('KILL', 'TYPE', 'pubsub'), ADMIN);
    await listens(group);
    await killAll(await group.master());
    await a.back();
  });

  test('are spoken to in TLS where that is set, whoever asks', async () => {
    const firsts: number[] = [];
    const server: Server = createServer((socket) => {
      socket.on('error', () => socket.destroy());
      socket.once('data', (data: Buffer) => {
        firsts.push(data[0] ?? -1);
        socket.destroy();
      });
    });
    const port = await freePort();
    await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
    open.push({ stop: () => new Promise((resolve) => server.close(resolve)) });
    const sentinels = [`127.0.0.1:${port}`];
    const a = gateway({ sentinels, sentinelName: 'main', sentinelTls: true });
    await assert.rejects(a.log.start(a.bell, 500));
    // The three connections' own and the watch; 22 begins a handshake of TLS.
    await until(() => firsts.length >= 4, { for: () => `four of them: ${firsts}` });
    assert.deepEqual(new Set(firsts), new Set([22]));
  });
});
