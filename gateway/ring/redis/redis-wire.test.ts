import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, describe, it } from 'node:test';
import { Redis } from 'ioredis';
import { until } from '../../../e2e/deadline.ts';
import { type RedisServer, startRedis } from '../../../e2e/processes/redis-server.ts';
import { type Clock, systemClock } from '../../../protocol/clock.ts';
import { ManualClock } from '../../../protocol/testing/manual-clock.ts';
import { gatewaySettings } from '../../settings/declaration.ts';
import { redisBoards } from '../testing/board-world.ts';
import { wireConformance } from '../testing/wire.conformance.ts';
import { RedisBoard } from './redis-board.ts';
import { RedisWire, type RedisWireOptions } from './redis-wire.ts';

wireConformance('RedisWire', redisBoards);

const becomes = (holds: () => boolean, what: string) =>
  until(holds, { for: what, deadlineMs: 10_000 });

type Publish = RedisWireOptions['speaker']['publish'];

interface Options {
  readonly url?: string;
  readonly clock?: Clock;
  readonly publish?: (really: Publish) => Publish;
}

/** A pod's board and wire, as a gateway has them, and what it hears. */
async function onRedis(server: RedisServer, options: Options = {}) {
  const { url = server.url, clock = systemClock, publish = (really) => really } = options;
  const { redis } = gatewaySettings.parse({ redis: { url } });
  const shared = { redis, cluster: 'chat', pod: 'one', random: Math.random };
  const board = new RedisBoard({ ...shared, clock: systemClock });
  let boardUps = 0;
  board.open(() => {
    boardUps += 1;
  });
  await becomes(() => boardUps === 1, 'a board');
  let lost = 0;
  const reconnected: string[] = [];
  const wire = new RedisWire({
    ...{ ...shared, clock },
    speaker: {
      publish: publish((channel, text) => board.publish(channel, text)),
      reconnect: (reason) => {
        reconnected.push(reason);
        board.reconnect(reason);
      },
    },
    onLost: () => {
      lost += 1;
    },
  });
  const heard: string[] = [];
  let ups = 0;
  wire.open({
    onUp: () => {
      ups += 1;
    },
    onAll: (text) => heard.push(`all ${text}`),
    onOwn: (text) => heard.push(`own ${text}`),
  });
  await becomes(() => ups === 1, 'a connection');
  const admin = new Redis(server.url);
  const close = () => {
    wire.close();
    board.close();
    admin.disconnect();
  };
  return {
    wire,
    reconnected,
    heard,
    admin,
    close,
    ups: () => ups,
    boardUps: () => boardUps,
    lost: () => lost,
  };
}

describe('the wire on Redis', () => {
  let server: RedisServer;
  before(async () => {
    server = await startRedis();
  });
  after(() => server.stop());

  it('hears again when its connection was cut, and says nothing meanwhile', async (t) => {
    const { wire, heard, admin, close, ups, lost } = await onRedis(server);
    t.after(close);
    await admin.client('KILL', 'TYPE', 'pubsub');
    await becomes(() => lost() === 1, 'the loss');
    await assert.rejects(wire.toAll('nobody would answer'), /Redis cannot be reached/);
    await becomes(() => ups() === 2, 'another connection');
    await wire.toAll('hello');
    await becomes(() => heard.length > 0, 'a text');
    assert.deepEqual(heard, ['all hello']);
  });

  it('makes both connections anew when it does not hear what it says itself', async (t) => {
    const clock = new ManualClock();
    const elsewhere: string[] = [];
    let deaf = false;
    const { wire, heard, reconnected, close, ups, boardUps, lost } = await onRedis(server, {
      clock,
      // As when one of the two connections leads to a server that is the master no more.
      publish: (really) => (channel, text) => {
        if (!deaf) return really(channel, text);
        elsewhere.push(text);
        return Promise.resolve(0);
      },
    });
    t.after(close);
    const probe = async () => {
      await clock.advance(5_000);
      await wire.toPod('one', 'behind the probe');
    };
    await probe();
    await becomes(() => heard.length === 1, 'what was said behind the probe');
    await clock.advance(3_000);
    assert.deepEqual([lost(), heard], [0, ['own behind the probe']]);
    deaf = true;
    await probe();
    assert.equal(elsewhere.length, 2);
    await clock.advance(2_999);
    assert.equal(lost(), 0);
    await clock.advance(1);
    await becomes(() => lost() === 1, 'the loss');
    assert.deepEqual(reconnected, ['what was said did not come back']);
    deaf = false;
    await becomes(() => ups() === 2 && boardUps() === 2, 'two other connections');
    await probe();
    await becomes(() => heard.length === 2, 'what was said behind the next probe');
  });

  it('needs no more than the user that docs/redis.md describes', async (t) => {
    const text = await readFile(new URL('../../../docs/redis.md', import.meta.url), 'utf8');
    const rule = /^ACL SETUSER wscluster (.*)$/m.exec(text)?.[1] ?? assert.fail('no such user');
    const admin = new Redis(server.url);
    t.after(() => admin.disconnect());
    await admin.call('ACL', 'SETUSER', 'wscluster', ...rule.split(' '));
    const url = `redis://wscluster:change-me@127.0.0.1:${new URL(server.url).port}`;
    const { wire, heard, close } = await onRedis(server, { url });
    t.after(close);
    await wire.toAll('hello');
    await wire.toPod('one', 'hello');
    await becomes(() => heard.length === 2, 'both');
    assert.deepEqual(heard.sort(), ['all hello', 'own hello']);
  });
});
