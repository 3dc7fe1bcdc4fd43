import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { describe, it } from 'node:test';
import { Redis } from 'ioredis';
import { within } from '../deadline.ts';
import { startRedis } from './redis-server.ts';

const AOF = ['--save', '', '--appendonly', 'yes', '--appendfsync', 'always'];

describe('a Redis server of a test', () => {
  it('answers on its own port and leaves nothing behind', async () => {
    const server = await startRedis();
    const redis = new Redis(server.url);
    assert.equal(await redis.ping(), 'PONG');
    redis.disconnect();
    await server.stop();
    assert.equal(existsSync(server.directory), false);
    assert.throws(() => process.kill(server.pid, 0));
  });

  it('continues from its files after a kill', async () => {
    const server = await startRedis({ args: AOF });
    const before = new Redis(server.url, { retryStrategy: null });
    before.on('error', () => {});
    await before.set('k', 'v');
    await server.kill();
    await server.restart();
    const after = new Redis(server.url);
    assert.equal(await after.get('k'), 'v');
    after.disconnect();
    before.disconnect();
    await server.stop();
  });

  it('answers nothing while it is frozen and everything afterwards', async () => {
    const server = await startRedis();
    const redis = new Redis(server.url);
    await redis.ping();
    server.freeze();
    const answer = redis.ping();
    await assert.rejects(within(answer, { for: 'an answer', deadlineMs: 100 }), /not within/);
    server.thaw();
    assert.equal(await within(answer, { for: 'an answer', deadlineMs: 2_000 }), 'PONG');
    redis.disconnect();
    await server.stop();
  });
});
