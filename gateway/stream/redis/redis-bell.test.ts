import assert from 'node:assert/strict';
import { test } from 'node:test';
import { until } from '../../../e2e/deadline.ts';
import { startRedis } from '../../../e2e/processes/redis-server.ts';
import { TcpProxy } from '../../../e2e/processes/tcp-proxy.ts';
import { systemClock } from '../../../protocol/clock.ts';
import { gatewaySettings } from '../../settings/declaration.ts';
import { HeardBell, streamSettings } from '../testing/log-world.ts';
import { RedisLog } from './redis-log.ts';

const SOCKET_MS = 300;
/** As in a gateway: several probes fit into the time after which a connection counts as dead. */
const PROBE_MS = 100;

test('a bell that is stuck is given up although probes go on', async () => {
  const server = await startRedis();
  const proxy = await TcpProxy.open(server.port);
  const { redis } = gatewaySettings.parse({
    redis: { url: `redis://127.0.0.1:${proxy.port}`, socketTimeoutMs: SOCKET_MS },
  });
  const log = new RedisLog({
    ...{ redis, stream: streamSettings({}), pod: 'pod-a' },
    ...{ clock: systemClock, random: Math.random },
  });
  const bell = new HeardBell();
  const probing = { count: 0 };
  let timer: NodeJS.Timeout | undefined;
  try {
    await log.start(bell, 5_000);
    proxy.swallowThose('-bell');
    const begin = performance.now();
    timer = setInterval(() => {
      probing.count += 1;
      // The answer comes on the control connection, which is well.
      log.probe(`t${probing.count}`).catch((error: unknown) => assert.fail(String(error)));
    }, PROBE_MS);
    const last = await until(() => bell.tokens.at(-1), {
      for: 'a probe to come back on a new connection',
      deadlineMs: 5_000,
    });
    assert.match(last, /^t\d+$/);
    assert.ok(performance.now() - begin < SOCKET_MS + 2_000);
    assert.ok(proxy.counts.swallowedBytes > 0);
  } finally {
    clearInterval(timer);
    await log.stop();
    await proxy.close();
    await server.stop();
  }
});
