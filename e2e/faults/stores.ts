import { open, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { redisKeys } from '../../gateway/stream/redis/keys.ts';
import { pause, until } from '../deadline.ts';
import type { RedisServer } from '../processes/redis-server.ts';
import { talk } from '../processes/sentinel.ts';
import { BACK_MS, backWithin, type Evidence, lostAndSignalled, noGaps, someGap } from './judges.ts';
import type { Row } from './row.ts';
import { KEY_PREFIX, type Stage } from './stage.ts';

/** Faults of what Redis keeps: restarts, lost tails, deleted keys, old backups. */

const OUTAGE_MS = 400;
/** Some dozens of the newest publishes. */
const TAIL_BYTES = 24_000;

export const storeRows: readonly Row[] = [
  {
    row: '23',
    title: 'Redis restarts and keeps everything (AOF)',
    store: 'aof',
    bites: { restartMs: OUTAGE_MS, stale: 3 },
    inject: (stage) =>
      newLineage(stage, async ({ redis }) => {
        const begin = performance.now();
        await redis.shutdown();
        await pause(OUTAGE_MS);
        await redis.restart();
        return { restartMs: since(begin) };
      }),
    judge: (run) => [...noGaps(run), ...backWithin(run, { since: 'restartMs', ms: BACK_MS })],
  },
  {
    row: '24',
    title: 'Redis loses power (the tail of the AOF is gone)',
    store: 'aof',
    expect: { mayLose: true },
    bites: { cutBytes: 4_000, gaps: 6 },
    inject: async (stage) => {
      return newLineage(stage, async ({ redis }) => {
        await redis.kill();
        const cutBytes = await cutTail(redis, TAIL_BYTES);
        await redis.restart();
        return { cutBytes };
      });
    },
    judge: lostAndSignalled,
  },
  {
    row: '31a',
    title: 'FLUSHALL',
    store: 'memory',
    expect: { mayForget: true, mayLose: true },
    bites: { gaps: 6 },
    inject: (stage) => withSomeAway(stage, () => command(stage, ['flushall'])),
    judge: (run) => someGap(run),
  },
  {
    row: '31b',
    title: 'the Streams alone are deleted',
    largeOnly: true,
    store: 'memory',
    expect: { mayTrim: true },
    settings: { hub: { recentTopicBytes: 0 } },
    bites: { gaps: 3 },
    inject: (stage) => withSomeAway(stage, () => command(stage, ['del', ...keysOf(stage, 'log')])),
    judge: (run) => someGap(run, 'trimmed'),
  },
  {
    row: '31c',
    title: 'the metadata alone is deleted',
    largeOnly: true,
    store: 'memory',
    expect: { mayForget: true, mayLose: true },
    bites: { gaps: 6 },
    inject: (stage) => withSomeAway(stage, () => command(stage, ['del', ...keysOf(stage, 'meta')])),
    judge: (run) => someGap(run),
  },
  {
    row: '31d',
    title: 'an older backup is restored',
    largeOnly: true,
    store: 'memory',
    expect: { mayLose: true },
    bites: { gaps: 6 },
    inject: async (stage) => {
      await command(stage, ['save']);
      const saved = stage.load.counts.acknowledged;
      await until(() => stage.load.counts.acknowledged > saved + 50, {
        for: 'publishes that the backup does not have',
        deadlineMs: 10_000,
      });
      return newLineage(stage, async ({ redis }) => {
        await redis.kill();
        await redis.restart();
        return undefined;
      });
    },
    judge: lostAndSignalled,
  },
];

/** Does the fault; what it measured is evidence, too. */
export type Act = (stage: Stage) => Promise<Evidence | undefined>;

/** Milliseconds since `begin`, of `performance.now()`. */
export const since = (begin: number): number => Math.round(performance.now() - begin);

/** An outage after which every topic continues under a new epoch. */
export function newLineage(stage: Stage, act: Act): Promise<Evidence> {
  return outage(stage, async () => {
    const heads = stage.load.heads(stage.arbiter);
    const more = await act(stage);
    await stage.renewed(heads);
    return more;
  });
}

/** What an outage of Redis leaves to see. */
export async function outage(stage: Stage, act: Act): Promise<Evidence> {
  const { counts } = stage.load;
  const before = { ...counts };
  const more = await act(stage);
  await stage.recovered();
  return {
    ...more,
    unknown: counts.unknown - before.unknown,
    failed: counts.failed - before.failed,
    stale: counts.stale - before.stale,
    gaps: counts.gaps - before.gaps,
  };
}

export async function command(stage: Stage, words: readonly string[]): Promise<unknown> {
  const [name = '', ...rest] = words;
  return talk((await stage.master()).port, (redis) => redis.call(name, ...rest));
}

export function keysOf(stage: Stage, kind: 'log' | 'meta'): string[] {
  const keys = redisKeys(KEY_PREFIX);
  return stage.load.topics.map((topic) => keys[kind](topic));
}

/** Some subscribers are away while it happens, so that old cursors come back to it. */
async function withSomeAway(stage: Stage, act: () => Promise<unknown>): Promise<Evidence> {
  const { counts, speakers } = stage.load;
  // A plain client's cursor is in Redis itself, and may be forgotten with everything else.
  const gone = speakers.filter((_, index) => index % 3 === 1);
  for (const subscriber of gone) subscriber.away();
  const before = { ...counts };
  await until(() => counts.acknowledged > before.acknowledged + 40, {
    for: 'publishes that those who are away miss',
    deadlineMs: 10_000,
  });
  await act();
  await until(() => counts.acknowledged > before.acknowledged + 80, {
    for: 'publishes after the fault',
    deadlineMs: 10_000,
  });
  for (const subscriber of gone) subscriber.back();
  await stage.recovered();
  return { gaps: counts.gaps - before.gaps };
}

/** Cuts bytes off the newest part of the AOF; they never reached the disk. */
async function cutTail({ directory }: RedisServer, bytes: number): Promise<number> {
  const files = await readdir(directory, { recursive: true });
  const parts = files.filter((file) => /\.incr\.aof$|^appendonly\.aof$/.test(file)).sort();
  const file = join(directory, parts.at(-1) ?? 'appendonly.aof');
  const { size } = await stat(file);
  const cut = Math.min(bytes, Math.floor(size / 2));
  const handle = await open(file, 'r+');
  try {
    await handle.truncate(size - cut);
  } finally {
    await handle.close();
  }
  return cut;
}
