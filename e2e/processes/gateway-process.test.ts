import assert from 'node:assert/strict';
import { it } from 'node:test';
import { Pair } from '../clients/pair.ts';
import { until } from '../deadline.ts';
import { GatewayProcess } from './gateway-process.ts';
import { startRedis } from './redis-server.ts';

/** A test whose processes outlive it hangs, and says nothing, until its file is given up. */
async function nothingRuns(): Promise<void> {
  await until(() => !process.getActiveResourcesInfo().includes('ProcessWrap'), {
    for: 'all processes to be gone',
    deadlineMs: 5_000,
  });
}

it('gateways that cannot start say why and leave no process behind', async (test) => {
  process.env['WSCLUSTER_EDGE_HEARTBEAT_MS'] = 'often';
  test.after(() => delete process.env['WSCLUSTER_EDGE_HEARTBEAT_MS']);
  await assert.rejects(Pair.start(), /(first|second) ended: .*_HEARTBEAT_MS.*not "often"/);
  await nothingRuns();
});

it('gateways start all or not at all', async () => {
  const redis = await startRedis();
  try {
    const settings = { redis: { url: redis.url } };
    const starting = GatewayProcess.startAll([
      { name: 'good', settings },
      { name: 'bad', settings: { ...settings, edge: { heartbeatMs: 1 } } },
    ]);
    await assert.rejects(starting, /bad ended: .*HEARTBEAT_MS/);
  } finally {
    await redis.stop();
  }
  await nothingRuns();
});
