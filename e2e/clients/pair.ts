import { Redis } from 'ioredis';
import { redisKeys } from '../../gateway/stream/redis/keys.ts';
import { parsePosition } from '../../protocol/position.ts';
import { GatewayProcess } from '../processes/gateway-process.ts';
import { type RedisServer, startRedis } from '../processes/redis-server.ts';

/** Two real gateways on one real Redis, as somebody has them who follows the README. */
export class Pair {
  readonly first: GatewayProcess;
  readonly second: GatewayProcess;
  readonly #redis: RedisServer;

  private constructor(redis: RedisServer, [first, second]: [GatewayProcess, GatewayProcess]) {
    this.#redis = redis;
    this.first = first;
    this.second = second;
  }

  static async start(): Promise<Pair> {
    const redis = await startRedis();
    const settings = { redis: { url: redis.url }, edge: { markerMs: 100 } };
    try {
      const names = ['first', 'second'];
      const gateways = await GatewayProcess.startAll(names.map((name) => ({ name, settings })));
      return new Pair(redis, gateways as [GatewayProcess, GatewayProcess]);
    } catch (error) {
      await redis.stop();
      throw error;
    }
  }

  /** Publishes over HTTP, one message after the other. */
  async publish(gateway: GatewayProcess, topic: string, messages: readonly unknown[]) {
    for (const data of messages) {
      const response = await fetch(`${gateway.http}/v1/publish`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ topic, data }),
      });
      if (!response.ok) throw new Error(`publish: ${response.status} ${await response.text()}`);
    }
  }

  /** The numbers of the cursors that Redis keeps for a session. */
  async cursors(session: string): Promise<number[]> {
    const redis = new Redis(this.#redis.url);
    try {
      const kept = await redis.hgetall(redisKeys('wscluster').session({ identity: '', session }));
      return Object.values(kept).flatMap((value) => parsePosition(value)?.seq ?? []);
    } finally {
      redis.disconnect();
    }
  }

  async stop(): Promise<void> {
    await Promise.all([this.first.kill(), this.second.kill()]);
    await this.#redis.stop();
  }
}
