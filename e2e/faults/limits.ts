import { redisKeys } from '../../gateway/stream/redis/keys.ts';
import { pause, until } from '../deadline.ts';
import type { GapRecord } from '../history/records.ts';
import type { ProtocolSubscriber } from '../load/socket-subscriber.ts';
import { info } from '../processes/sentinel.ts';
import { atMost } from './demands.ts';
import { type Evidence, noGaps } from './judges.ts';
import type { Row } from './row.ts';
import { KEY_PREFIX, type Stage } from './stage.ts';
import { command } from './stores.ts';

/** Faults of Redis that is there and refuses, forgets a little, or forgets its scripts. */

const FULL_MS = 1_000;
const FLUSHES = 20;
const FLUSH_EVERY_MS = 60;

export const limitRows: readonly Row[] = [
  {
    row: '29',
    title: 'Redis is out of memory',
    store: 'memory',
    bites: { storeFull: 5 },
    inject: outOfMemory,
    judge: noGaps,
  },
  {
    row: '36',
    title: 'the log is trimmed to just before, at and behind a cursor',
    store: 'memory',
    settings: { hub: { recentTopicBytes: 0, lingerMs: 0 } },
    shape: { topicsEach: 1 },
    expect: { mayTrim: true },
    bites: { gaps: 2 },
    inject: trimEdges,
  },
  {
    row: '39',
    title: 'Redis forgets the scripts again and again',
    store: 'memory',
    bites: { noscript: FLUSHES },
    inject: async (stage) => {
      for (let times = 0; times < FLUSHES; times += 1) {
        await command(stage, ['script', 'flush']);
        await pause(FLUSH_EVERY_MS);
      }
      const refused = await info(stage.redis, 'errorstat_NOSCRIPT');
      return { noscript: Number(refused?.replace('count=', '') ?? 0) };
    },
    judge: (run) => {
      const { failed, unknown } = run.counts;
      return [...noGaps(run), atMost('publishes that failed or are unknown', failed + unknown, 0)];
    },
  },
];

async function outOfMemory(stage: Stage): Promise<Evidence> {
  const { counts, speakers } = stage.load;
  const before = { full: counts.errors.get('store_full') ?? 0, unknown: counts.unknown };
  await command(stage, ['config', 'set', 'maxmemory', '1mb']);
  await until(() => (counts.errors.get('store_full') ?? 0) > before.full, {
    for: 'publishes to be refused because Redis is full',
    deadlineMs: 5_000,
  });
  // Reads and resumes go on.
  const some = speakers.slice(0, 4);
  for (const subscriber of some) subscriber.drop();
  await pause(FULL_MS);
  await until(() => some.every(({ attached }) => attached), {
    for: 'clients to resume while Redis is full',
    deadlineMs: 5_000,
  });
  await command(stage, ['config', 'set', 'maxmemory', '0']);
  const unknown = counts.unknown - before.unknown;
  if (unknown > 0) throw new Error(`${unknown} publishes were answered unknown, not failed`);
  return { storeFull: (counts.errors.get('store_full') ?? 0) - before.full };
}

/** Where the log begins afterwards, seen from a cursor at n: n, n + 1 or n + 2. */
const EDGES = [
  { offset: 0, missed: 0 },
  { offset: 1, missed: 0 },
  { offset: 2, missed: 1 },
  { offset: 6, missed: 5 },
] as const;

async function trimEdges(stage: Stage): Promise<Evidence> {
  const { load } = stage;
  const keys = redisKeys(KEY_PREFIX);
  const chosen = EDGES.map((edge, index) => {
    const topic = load.topics[index] as string;
    const subscriber = load.speakers.find(({ topics }) => topics.includes(topic));
    if (subscriber === undefined) throw new Error(`nobody to ask has ${topic}`);
    return { ...edge, topic, subscriber };
  });
  for (const { subscriber } of chosen) subscriber.away();
  await until(
    () => chosen.every(({ subscriber, topic }) => behind(stage, subscriber, topic) > 10),
    { for: 'publishes that those who are away miss', deadlineMs: 10_000 },
  );
  for (const { subscriber, topic, offset } of chosen) {
    const first = (subscriber.place(topic)?.seq ?? 0) + offset;
    await command(stage, ['xtrim', keys.log(topic), 'MINID', `${first}-0`]);
  }
  const before = load.counts.gaps;
  for (const { subscriber } of chosen) subscriber.back();
  await stage.recovered();
  for (const { subscriber, missed } of chosen) expectMissed(stage, subscriber, missed);
  return { gaps: load.counts.gaps - before };
}

const behind = (stage: Stage, subscriber: ProtocolSubscriber, topic: string) =>
  stage.arbiter.head(topic).seq - (subscriber.place(topic)?.seq ?? 0);

function expectMissed(stage: Stage, { name }: ProtocolSubscriber, missed: number): void {
  const told = stage.recorder.records.filter(
    (record): record is GapRecord => record.kind === 'gap' && record.subscriber === name,
  );
  const sum = told.reduce((total, { from = 0, to = -1 }) => total + to - from + 1, 0);
  if (sum !== missed) throw new Error(`${name} was told that it missed ${sum}, not ${missed}`);
}
