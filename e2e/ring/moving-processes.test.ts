import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Client } from '../../client/client.ts';
import { until } from '../deadline.ts';
import { GatewayProcess } from '../processes/gateway-process.ts';
import { type RedisServer, startRedis } from '../processes/redis-server.ts';
import { publishersAt, Reader, unnoticed } from './testing/reader.ts';

const HEARTBEAT_MS = 500;
const CLIENTS = 60;

describe('gateway processes on one Redis, with clients that can move', () => {
  let redis: RedisServer;
  let gateways: GatewayProcess[] = [];
  const readers: Reader[] = [];
  const publishers: Client[] = [];

  before(async () => {
    redis = await startRedis();
    gateways = await Promise.all(['a', 'b', 'c'].map(start));
  });
  after(async () => {
    const clients = [...readers.map(({ client }) => client), ...publishers];
    await Promise.all(clients.map((client) => client.close()));
    await Promise.all(gateways.map((gateway) => gateway.kill()));
    await redis.stop();
  });

  function start(name: string): Promise<GatewayProcess> {
    return GatewayProcess.start({
      name,
      settings: {
        redis: { url: redis.url },
        ring: { heartbeatMs: HEARTBEAT_MS },
        edge: { drainGraceMs: 4 * HEARTBEAT_MS, drainDeadlineMs: 60_000 },
        placement: { podEndpoint: 'address' },
      },
    });
  }

  it('let them go on elsewhere after SIGTERM, unnoticed, and end with 0', async (t) => {
    const [a, b, c] = gateways as [GatewayProcess, GatewayProcess, GatewayProcess];
    const members = () => a.metric('wscluster_ring_members');
    await until(async () => (await members()) === 3, { for: 'a ring', deadlineMs: 30_000 });
    const joined = Array.from({ length: CLIENTS }, () => new Reader(a.url).ready());
    readers.push(...(await Promise.all(joined)));
    publishers.push(...publishersAt(a.url));
    const messages = await unnoticed(readers, publishers, async () => {
      assert.equal((await a.terminate(50_000))?.code, 0);
    });
    const moves = readers.flatMap((reader) => reader.moves);
    t.diagnostic(`${moves.length} moves of ${CLIENTS} clients during ${messages} messages`);
    assert.ok(readers.every(({ client }) => client.state === 'connected'));
    assert.equal(moves.filter(({ reason }) => reason === 'drain').length, CLIENTS);
    assert.deepEqual(
      readers.flatMap(({ errors }) => errors),
      [],
    );
    // Each was known by the key that the first one had on the board.
    const accepted = (gateway: GatewayProcess) =>
      gateway.metric('wscluster_move_tokens_total{outcome="ok"}');
    const [atB = 0, atC = 0] = await Promise.all([accepted(b), accepted(c)]);
    assert.ok(atB > 0 && atC > 0, `${atB} and ${atC}`);
    assert.ok(atB + atC >= CLIENTS + publishers.length);
  });
});
