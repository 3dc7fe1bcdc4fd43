import { Late } from '../../scripts/testing/late.ts';
import { pause, until } from '../deadline.ts';
import { BACK_MS, backWithin, type Evidence, noGaps, someGap } from './judges.ts';
import type { Row } from './row.ts';
import { baseSettings, HEARTBEAT_MS } from './settings.ts';
import type { Stage } from './stage.ts';
import { command, keysOf, outage, since } from './stores.ts';

/** Faults between the gateways and Redis. */

const SHORT_MS = 1_500;
const REPLIES_LOST = 9;
/** A gateway's to Redis. */
const CONNECTIONS = 3;
/** From the verdict that a connection is dead to its replacement. */
const REPLACED_MS = 1_000;

export const networkRows: readonly Row[] = [
  {
    row: '11',
    title: 'one gateway is cut off from Redis, its clients are not',
    store: 'memory',
    proxied: true,
    bites: { stale: 3, moved: 3 },
    inject: cutOff,
    judge: noGaps,
  },
  {
    row: '33',
    title: 'all gateways are cut off from Redis for a while',
    store: 'memory',
    proxied: true,
    bites: { cutOffMs: SHORT_MS, stale: 6 },
    inject: async (stage) => {
      const evidence = await outage(stage, async () => {
        const begin = performance.now();
        for (const proxy of stage.proxies) proxy.refuse();
        await pause(SHORT_MS);
        const ready = await Promise.all(stage.gateways.map((gateway) => gateway.ready()));
        if (ready.includes(false)) throw new Error('a gateway left although all are cut off');
        for (const proxy of stage.proxies) proxy.pass();
        return { cutOffMs: since(begin) };
      });
      const moved = stage.load.counts.closes.get(4001) ?? 0;
      // One that is back much later than the other was cut off alone for a while.
      if (moved > 0) throw new Late(`${moved} clients were sent away although all are cut off`);
      return evidence;
    },
    judge: (run) => [...noGaps(run), ...backWithin(run, { since: 'cutOffMs', ms: BACK_MS })],
  },
  {
    row: '33t',
    title: 'one gateway is cut off for longer than the log remembers',
    largeOnly: true,
    store: 'memory',
    proxied: true,
    alone: true,
    shape: { topics: 2, topicsEach: 1, everyMs: 25 },
    settings: { stream: { retentionEntries: 100 } },
    expect: { mayTrim: true },
    bites: { stale: 3, gaps: 3 },
    inject: (stage) => outage(stage, (all) => forgetMeanwhile(all, 230)),
    judge: (run) => someGap(run, 'trimmed'),
  },
  {
    row: '34',
    title: 'replies to publishes are lost after the write',
    store: 'memory',
    proxied: true,
    // Gateways ask again themselves: whether a publisher has to is a matter of chance.
    bites: { repliesLost: REPLIES_LOST },
    inject: async (stage) => {
      const { counts } = stage.load;
      const before = counts.unknown + counts.duplicateAnswers;
      // Only a publish carries the name of a message towards Redis.
      for (const proxy of stage.proxies) {
        proxy.loseReply(`${stage.recorder.run}/p`, { times: REPLIES_LOST });
      }
      const lost = () => stage.proxies.reduce((sum, { counts: all }) => sum + all.repliesLost, 0);
      await until(() => lost() >= REPLIES_LOST, { for: 'replies to be lost', deadlineMs: 20_000 });
      for (const proxy of stage.proxies) proxy.pass();
      await stage.recovered();
      const asked = counts.unknown + counts.duplicateAnswers - before;
      return { repliesLost: lost(), unknownOrAskedAgain: asked };
    },
    judge: noGaps,
  },
  {
    row: '35',
    title: 'the way to Redis is half-open',
    store: 'memory',
    proxied: true,
    bites: { swallowedBytes: 10_000, stale: 3 },
    inject: (stage) => outage(stage, halfOpen),
    judge: (run) => [...noGaps(run), ...backWithin(run, { since: 'awayMs', ms: BACK_MS })],
  },
  {
    row: '37',
    title: 'the live copy is cut and the log trimmed before it can be read again',
    store: 'memory',
    proxied: true,
    alone: true,
    expect: { mayTrim: true },
    bites: { stale: 3, gaps: 3 },
    inject: (stage) =>
      outage(stage, async () => {
        await forgetMeanwhile(stage, 60, async () => {
          for (const key of keysOf(stage, 'log')) {
            await command(stage, ['xtrim', key, 'MAXLEN', '1']);
          }
        });
        return undefined;
      }),
    judge: (run) => someGap(run, 'trimmed'),
  },
];

/** First what is connected goes dead and can be replaced; then everything, and nothing can. */
async function halfOpen(stage: Stage): Promise<Evidence> {
  const { socketTimeoutMs } = baseSettings.redis;
  const proxy = stage.proxy(0);
  const { accepted } = proxy.counts;
  const deadlineMs = socketTimeoutMs + REPLACED_MS;
  proxy.swallowThose('');
  await until(() => proxy.counts.accepted >= accepted + CONNECTIONS, {
    for: () => `dead connections to be replaced: ${proxy.counts.accepted - accepted} were`,
    deadlineMs,
  });
  await stage.recovered();
  const begin = performance.now();
  proxy.swallow();
  await pause(socketTimeoutMs * 4);
  proxy.pass();
  return { awayMs: since(begin), swallowedBytes: proxy.counts.swallowedBytes };
}

/** The gateway says so, becomes not ready, sends its clients away; then it is healed. */
async function cutOff(stage: Stage): Promise<Record<string, number>> {
  const { counts } = stage.load;
  const before = { stale: counts.stale, moved: counts.closes.get(4001) ?? 0 };
  const victim = stage.gateway(0);
  const begin = performance.now();
  stage.proxy(0).refuse();
  await until(() => counts.stale > before.stale, {
    for: 'clients to be told that what they see may be old',
    deadlineMs: 2 * HEARTBEAT_MS + 1_000,
  });
  const staleMs = performance.now() - begin;
  await until(async () => !(await victim.ready()), {
    for: 'the gateway to be not ready',
    deadlineMs: 10_000,
  });
  stage.route(stage.gateways.slice(1));
  await until(() => (counts.closes.get(4001) ?? 0) > before.moved, {
    for: 'clients to be sent away',
    deadlineMs: 10_000,
  });
  await stage.recovered();
  stage.proxy(0).pass();
  await until(() => victim.ready(), { for: 'the gateway to be ready', deadlineMs: 10_000 });
  stage.route(stage.gateways);
  const moved = (counts.closes.get(4001) ?? 0) - before.moved;
  return { stale: counts.stale - before.stale, moved, staleMs: Math.round(staleMs) };
}

/** One gateway hears nothing while so much is published per topic, and its clients stay. */
async function forgetMeanwhile(
  stage: Stage,
  perTopic: number,
  trim: () => Promise<void> = async () => {},
): Promise<undefined> {
  const { load, arbiter } = stage;
  stage.proxy(0).refuse();
  stage.route(stage.gateways.slice(1));
  const before = load.heads(arbiter);
  await until(
    () =>
      load.topics.every(
        (topic) => arbiter.head(topic).seq - (before.get(topic)?.seq ?? 0) > perTopic,
      ),
    { for: `${perTopic} messages per topic`, deadlineMs: 60_000 },
  );
  await trim();
  stage.proxy(0).pass();
  stage.route(stage.gateways);
}
