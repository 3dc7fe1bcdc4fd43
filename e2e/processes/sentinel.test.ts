import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { until } from '../deadline.ts';
import type { RedisServer } from './redis-server.ts';
import { startSentinel, talk } from './sentinel.ts';

/** A deadline only: the answer comes as soon as the replica has it. */
const WAIT_MS = 4_000;

describe('a Sentinel group of a test', () => {
  it('promotes a replica that lacks what the master wrote while it was cut off', async (test) => {
    const group = await startSentinel();
    // Servers that are left keep this process alive, which then says nothing.
    test.after(() => group.stop());
    const master = await group.master();
    await talk(master.port, async (redis) => {
      await redis.set('kept', '1');
      assert.equal(await redis.wait(1, WAIT_MS), 1);
    });
    await group.lag();
    await talk(master.port, (redis) => redis.set('lost', '1'));
    await master.kill();
    assert.equal(group.failovers, 0);
    const promoted: RedisServer = await group.promoted(master, 20_000);
    await until(() => group.failovers === 1, { for: 'the failover to be counted' });
    assert.notEqual(promoted.port, master.port);
    await talk(promoted.port, async (redis) => {
      assert.deepEqual(await redis.mget('kept', 'lost'), ['1', null]);
      await redis.set('after', '1');
    });
  });
});
