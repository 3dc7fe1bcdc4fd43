import { Redis, type RedisOptions } from 'ioredis';
import { type RedisServer, startRedis } from '../e2e/processes/redis-server.ts';
import {
  gatewaySettings,
  type RedisSettings,
  type StreamSettings,
} from '../gateway/settings/declaration.ts';
import { RedisLog } from '../gateway/stream/redis/redis-log.ts';
import type { Draft } from '../gateway/stream/stream.ts';
import { TopicStream } from '../gateway/stream/topic-stream.ts';
import { systemClock } from '../protocol/clock.ts';
import { type Figure, type Measurement, median } from './figure.ts';
import { onOwnCore } from './pin.ts';

/**
 * What a publish costs Redis beside the least that it could cost: a script that does nothing but
 * XADD and PUBLISH, with as many connections listening. Redis' own CPU, from INFO, in rounds that
 * take turns, so that both sides meet the same machine.
 */
export const redisCost: Measurement = {
  name: 'redis-cost',
  text: 'Redis CPU per publish with two subscribed gateways, over a bare XADD and PUBLISH',
  seconds: 60,
  async run(progress) {
    const redis = await startRedis();
    try {
      if (!(await onOwnCore(redis.pid))) progress('Redis and its clients share cores: noisier');
      return await measured(redis, progress);
    } finally {
      await redis.stop();
    }
  },
};

const DATA = Buffer.from(JSON.stringify({ text: 'x'.repeat(100) }));
const ROUNDS = 9;
const BARE = `
redis.call('XADD', KEYS[1], 'MAXLEN', '~', 10000, '*', 'm', ARGV[1])
return redis.call('PUBLISH', KEYS[2], ARGV[1])`;
const BARE_OF_TEN = `
for i = 1, 10 do redis.call('XADD', KEYS[1], 'MAXLEN', '~', 10000, '*', 'm', ARGV[i]) end
return redis.call('PUBLISH', KEYS[2], table.concat(ARGV))`;

async function measured(server: RedisServer, progress: (line: string) => void) {
  const control = connection(server.url);
  const bare = await bareSide(server.url);
  const ours = await ourSide(server.url);
  const cpu = () => redisCpuMicroseconds(control);
  const one = await compare(
    {
      ours: () => repeated(2_000, () => ours.publish(['room'])),
      bare: () => repeated(2_000, () => bare.one()),
    },
    { cpu, messages: 2_000 },
  );
  progress(`one at a time: ${describe(one)}`);
  // Thirty-two topics, because publishes of one topic share a script and would be a batch.
  const topics = Array.from({ length: 32 }, (_, index) => `room.${index}`);
  const many = await compare(
    {
      ours: () => repeated(250, () => ours.publish(topics)),
      bare: () => repeated(250, () => bare.pipeline(32)),
    },
    { cpu, messages: 250 * 32 },
  );
  progress(`32 per pipeline: ${describe(many)}`);
  const batch = await compare(
    {
      ours: () => repeated(500, () => ours.publish(new Array(10).fill('room'))),
      bare: () => repeated(500, () => bare.ten()),
    },
    { cpu, messages: 5_000 },
  );
  progress(`batches of ten: ${describe(batch)}`);
  await ours.stop();
  await bare.stop();
  control.disconnect();
  return [
    figure('Redis CPU per publish, one at a time, over the bare script', one, 1.8),
    figure('Redis CPU per publish, 32 per pipeline, over the bare script', many, 3.5),
    figure('Redis CPU per message in a batch of ten, over the bare script of ten', batch),
  ];
}

interface Compared {
  readonly ratio: number;
  /** Microseconds of Redis per message. */
  readonly ours: number;
  readonly bare: number;
}

const describe = ({ ratio, ours, bare }: Compared) =>
  `${ours.toFixed(1)} µs against ${bare.toFixed(1)} µs, ratio ${ratio.toFixed(2)}`;

function figure(what: string, compared: Compared, atMost?: number): Figure {
  const shown = { what, value: compared.ratio, unit: '×', detail: describe(compared) };
  return atMost === undefined ? shown : { ...shown, atMost };
}

async function compare(
  sides: { ours(): Promise<void>; bare(): Promise<void> },
  { cpu, messages }: { cpu(): Promise<number>; messages: number },
): Promise<Compared> {
  const cost = async (side: () => Promise<void>) => {
    const before = await cpu();
    await side();
    return ((await cpu()) - before) / messages;
  };
  const rounds: Compared[] = [];
  for (let round = 0; round <= ROUNDS; round += 1) {
    const ours = await cost(sides.ours);
    const bare = await cost(sides.bare);
    // The first warms both up.
    if (round > 0) rounds.push({ ours, bare, ratio: ours / bare });
  }
  return {
    ratio: median(rounds.map((round) => round.ratio)),
    ours: median(rounds.map((round) => round.ours)),
    bare: median(rounds.map((round) => round.bare)),
  };
}

async function repeated(times: number, step: () => Promise<unknown>): Promise<void> {
  for (let count = 0; count < times; count += 1) await step();
}

async function redisCpuMicroseconds(control: Redis): Promise<number> {
  const info = await control.info('cpu');
  const seconds = (name: string) => Number(new RegExp(`${name}:([\\d.]+)`).exec(info)?.[1]);
  const total = seconds('used_cpu_user') + seconds('used_cpu_sys');
  if (!Number.isFinite(total)) throw new Error('INFO cpu is not readable');
  return total * 1e6;
}

/** One that is lost, or has anything else to complain of, makes the figures worthless. */
function connection(url: string, options: RedisOptions = {}): Redis {
  const redis = new Redis(url, options);
  redis.on('error', (error: Error) => {
    throw error;
  });
  return redis;
}

/** Asks nothing first: a SUBSCRIBE may overtake that, and then it may not be asked. */
const listener = (url: string) =>
  connection(url, { enableReadyCheck: false, disableClientInfo: true });

async function bareSide(url: string) {
  const publisher = connection(url);
  const listeners = [listener(url), listener(url)];
  for (const each of listeners) await each.subscribe('bare:channel');
  const sha = String(await publisher.script('LOAD', BARE));
  const shaOfTen = String(await publisher.script('LOAD', BARE_OF_TEN));
  const one = () => publisher.evalsha(sha, 2, 'bare:log', 'bare:channel', DATA);
  return {
    one,
    ten: () =>
      publisher.evalsha(shaOfTen, 2, 'bare:log', 'bare:channel', ...new Array(10).fill(DATA)),
    pipeline: async (count: number) => {
      const pipeline = publisher.pipeline();
      for (let index = 0; index < count; index += 1) {
        pipeline.evalsha(sha, 2, 'bare:log', 'bare:channel', DATA);
      }
      await pipeline.exec();
    },
    stop: async () => {
      for (const connection of [publisher, ...listeners]) connection.disconnect();
    },
  };
}

async function ourSide(url: string) {
  const { redis, stream: settings } = gatewaySettings.parse({ redis: { url } });
  const streams = [stream({ redis, settings }, 'one'), stream({ redis, settings }, 'two')];
  for (const each of streams) await each.start(10_000);
  const [first] = streams;
  if (first === undefined) throw new Error('no stream');
  for (const each of streams) {
    each.follow('room');
    for (let index = 0; index < 32; index += 1) each.follow(`room.${index}`);
  }
  return {
    async publish(topics: readonly string[]) {
      const outcomes = await Promise.all(topics.map((topic) => first.publish(draft(topic))));
      const bad = outcomes.find((outcome) => outcome.outcome !== 'ok');
      if (bad !== undefined) throw new Error(`a publish ended as ${bad.outcome}`);
    },
    async stop() {
      for (const each of streams) await each.stop(1_000);
    },
  };
}

function stream({ redis, settings }: StreamParts, pod: string): TopicStream {
  const parts = { clock: systemClock, random: Math.random };
  const log = new RedisLog({ redis, stream: settings, pod, ...parts });
  const listener = { onStream: () => {} };
  return new TopicStream({ log, listener, settings, replicas: 0, ...parts });
}

interface StreamParts {
  readonly redis: RedisSettings;
  readonly settings: StreamSettings;
}

function draft(topic: string): Draft {
  return { topic, data: { encoding: 'json', bytes: DATA }, identity: '', ack: 'leader' };
}
