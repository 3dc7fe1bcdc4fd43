import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { pause, until } from '../../../e2e/deadline.ts';
import { type RedisServer, startRedis } from '../../../e2e/processes/redis-server.ts';
import { talk } from '../../../e2e/processes/sentinel.ts';
import { systemClock } from '../../../protocol/clock.ts';
import { gatewaySettings } from '../../settings/declaration.ts';
import type { Draft } from '../stream.ts';
import { CheckingListener } from '../testing/checking-listener.ts';
import { draft, streamSettings, WAIT_MS } from '../testing/log-world.ts';
import { HIDING_INFO } from '../testing/redis-world.ts';
import { TopicStream } from '../topic-stream.ts';
import { type ConnectionName, silentRedisLogCounts } from './redis-counts.ts';
import { RedisLog } from './redis-log.ts';
import { Move } from './redis-move.ts';

const ARGS = ['--save', '', '--appendonly', 'no', ...HIDING_INFO];
const FAST = { probeIntervalMs: 100, settleMs: 2_000 };
const OURS: readonly ConnectionName[] = ['bell', 'control', 'publish'];
const USERS = { 'INFO is readable': '', 'INFO is hidden': 'shy:pw@' };

const wait = (what: string, holds: () => boolean | Promise<boolean>) =>
  until(holds, { for: what, deadlineMs: WAIT_MS, everyMs: 10 });

interface Client {
  readonly id: string;
  readonly name: ConnectionName;
  readonly db: string;
}

/** Our connections to a server, by name. */
async function clients({ port }: RedisServer): Promise<Client[]> {
  const list = await talk(port, (redis) => redis.client('LIST'));
  const found = String(list).matchAll(/^id=(\d+) .* name=pod-a-(\w+) .* db=(\d+) /gm);
  const all = [...found].map(([, id = '', name = '', db = '']) => ({ id, name, db }) as Client);
  return all.sort((one, other) => (one.name < other.name ? -1 : 1));
}

async function kill(server: RedisServer, name: ConnectionName): Promise<void> {
  const id = (await clients(server)).find((client) => client.name === name)?.id ?? '';
  await talk(server.port, (redis) => redis.client('KILL', 'ID', id));
}

describe('When the URL changes while a gateway publishes', () => {
  let here: RedisServer;
  let there: RedisServer;
  let stop: (() => Promise<unknown>)[] = [];

  beforeEach(async () => {
    here = await startRedis({ args: ARGS });
    there = await startRedis({ args: ARGS });
    stop = [() => here.stop(), () => there.stop()];
  });

  afterEach(async () => {
    for (const end of stop.reverse()) await end();
  });

  const as = (user: string, { port }: RedisServer, db = 0) =>
    `redis://${user}127.0.0.1:${port}/${db}`;

  /** A gateway with a subscriber that has heard of the first message, and publishes for ever. */
  async function publishing(user: string) {
    const { redis } = gatewaySettings.parse({ redis: { url: as(user, here) } });
    const lost: ConnectionName[] = [];
    const parts = { clock: systemClock, random: Math.random };
    const counts = {
      ...silentRedisLogCounts,
      disconnected: (name: ConnectionName) => lost.push(name),
    };
    const settings = streamSettings(FAST);
    const log = new RedisLog({ redis, stream: settings, pod: 'pod-a', counts, ...parts });
    const listener = new CheckingListener();
    const stream = new TopicStream({ log, listener, settings, replicas: 0, ...parts });
    await stream.start(WAIT_MS);
    stop.push(() => stream.stop(1_000));
    const subscriber = listener.expect('t');
    stream.follow('t');
    await wait('it to open', () => subscriber.opened !== undefined);
    let over = false;
    let acknowledged = 0;
    const done = (async () => {
      for (let seq = 1; !over; seq += 1) {
        const { data } = draft(`${seq}`);
        const producer = { id: 'p', seq };
        const message: Draft = { topic: 't', data, identity: '', producer, ack: 'leader' };
        const { outcome } = await stream.publish(message);
        if (outcome === 'ok') acknowledged = seq;
        await pause(1);
      }
    })();
    stop.push(() => {
      over = true;
      return done;
    });
    const heard = () => {
      const { bytes } = subscriber.entries.at(-1)?.data ?? { bytes: Buffer.from('"0"') };
      return Number(JSON.parse(Buffer.from(bytes).toString()));
    };
    /** A publish from now on is acknowledged, and reaches the subscriber. */
    const goesOn = async () => {
      const from = acknowledged;
      await wait('publishes', () => acknowledged > from + 2);
      const to = acknowledged;
      await wait('what was acknowledged to be heard', () => heard() >= to);
    };
    await goesOn();
    return { log, lost, goesOn };
  }

  for (const [how, user] of Object.entries(USERS)) {
    test(`to another server: who loses one connection leaves with all, where ${how}`, async () => {
      const { log, goesOn } = await publishing(user);
      log.useUrl(as(user, there));
      await kill(here, 'publish');
      await wait('all to be there', async () => (await clients(there)).length === OURS.length);
      assert.deepEqual(await clients(here), []);
      await goesOn();
    });

    test(`to another database: they leave together too, where ${how}`, async () => {
      const { log, goesOn } = await publishing(user);
      log.useUrl(as(user, here, 1));
      await kill(here, 'publish');
      await wait('all to be in it', async () => {
        const dbs = (await clients(here)).map(({ db }) => db);
        return dbs.join() === '1,1,1';
      });
      await goesOn();
    });
  }

  test('to another server: those that work stay, since the new URL may be wrong', async () => {
    const { log, lost, goesOn } = await publishing('');
    log.useUrl(as('', there));
    await goesOn();
    log.useUrl(as('', here));
    await goesOn();
    assert.deepEqual([lost, await clients(there)], [[], []]);
  });

  test('to another user of the same: no other is given up with the one that is lost', async () => {
    const { log, lost, goesOn } = await publishing('');
    log.useUrl(as(USERS['INFO is hidden'], here));
    await kill(here, 'publish');
    await goesOn();
    assert.deepEqual(lost, ['publish']);
  });
});

test('A URL that leads elsewhere while a connection is missing takes all others along', () => {
  const done: string[] = [];
  const connection = (name: string, usable: boolean) => ({
    usable,
    useUrl: (url: string) => url === 'elsewhere',
    move: () => done.push(name),
  });
  const move = new Move(() => [connection('one', true), connection('other', false)]);
  move.useUrl('here');
  move.lost();
  assert.deepEqual(done, []);
  move.useUrl('elsewhere');
  assert.deepEqual(done, ['one', 'other']);
  move.lost();
  assert.equal(done.length, 2);
});
