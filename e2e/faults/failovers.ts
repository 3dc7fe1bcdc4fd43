import { pause, until } from '../deadline.ts';
import type { RedisServer } from '../processes/redis-server.ts';
import { info, type SentinelGroup, talk } from '../processes/sentinel.ts';
import { atLeast, atMost } from './demands.ts';
import { backWithin, type Evidence, lostAndSignalled, noneSilent } from './judges.ts';
import type { Row } from './row.ts';
import { baseSettings } from './settings.ts';
import type { Stage } from './stage.ts';
import { command, newLineage, outage, since } from './stores.ts';

/** Faults that change which Redis is the master. */

const FAILOVER_MS = 30_000;
/**
 * Everybody is back so long after a replica was promoted, at most: gateways wait between two tries,
 * ask the Sentinels, and wait for each other's reports of what was lost.
 */
const PROMOTED_MS = 3_000;
/** Longer than a publish may take: it has to be answered as failed. */
const READ_ONLY_MS = 1_200;
/** Gateways must have noticed by then that the frozen master does not answer. */
const AWAY_MS = baseSettings.redis.socketTimeoutMs + 1_000;

export const failoverRows: readonly Row[] = [
  {
    row: '25',
    title: 'Sentinel failover to a replica that lags, level leader',
    store: 'sentinel',
    expect: { mayLose: true },
    bites: { gaps: 6 },
    inject: (stage) => newLineage(stage, (all) => laggingFailover(all, 30)),
    judge: (run) => [
      ...lostAndSignalled(run),
      ...backWithin(run, { since: 'detectionMs', ms: PROMOTED_MS }),
    ],
  },
  {
    row: '25r',
    title: 'Sentinel failover to a replica that lags, level replicas',
    store: 'sentinel',
    settings: { redis: { replicas: 1 }, stream: { publishTimeoutMs: 1_000 } },
    shape: { level: 'replicas' },
    expect: { mayLose: true },
    bites: { gaps: 6 },
    inject: (stage) =>
      newLineage(stage, async () => {
        const evidence = await laggingFailover(stage, stage.load.shape.publishers / 2);
        // Whoever asks for replicas now has none: the old master comes back as one.
        await stage.redis.restart();
        await demote(stage.redis, await stage.master());
        return evidence;
      }),
    judge: (run) => [atMost('replicated and lost', run.figures.ackedLost, 0), ...noneSilent(run)],
  },
  {
    row: '25u',
    title: 'Sentinel failover to a replica that never heard of a restart',
    largeOnly: true,
    store: 'sentinel',
    expect: { mayLose: true },
    bites: { gaps: 6 },
    inject: (stage) => outage(stage, (all) => unheardRestart(all, 30)),
    judge: lostAndSignalled,
  },
  {
    row: '26',
    title: 'the master freezes and comes back after the failover',
    store: 'sentinel',
    expect: { mayLose: true },
    bites: { stale: 6, unknown: 1 },
    inject: (stage) =>
      newLineage(stage, async () => {
        const old = await stage.master();
        const begin = performance.now();
        old.freeze();
        const promoted = await group(stage).promoted(old, FAILOVER_MS);
        const detectionMs = since(begin);
        await pause(AWAY_MS);
        await stage.recovered();
        // The first thing that it hears when it wakes up, or it would take writes for 8 s.
        const demoted = demote(old, promoted);
        old.thaw();
        await demoted;
        return { detectionMs };
      }),
    judge: (run) => [
      ...noneSilent(run),
      ...backWithin(run, { since: 'detectionMs', ms: PROMOTED_MS }),
    ],
  },
  {
    row: '26t',
    title: 'the master freezes and comes back as one beside the master that replaced it',
    largeOnly: true,
    store: 'sentinel',
    expect: { mayLose: true },
    bites: { betweenTwo: 1 },
    inject: twoMasters,
    judge: noneSilent,
  },
  {
    row: '28',
    title: 'the master becomes a read-only replica for a while',
    store: 'memory',
    settings: { stream: { publishTimeoutMs: 600 } },
    bites: { failed: 3 },
    inject: (stage) =>
      newLineage(stage, async () => {
        await command(stage, ['replicaof', '127.0.0.1', '1']);
        await pause(READ_ONLY_MS);
        await command(stage, ['replicaof', 'no', 'one']);
        return undefined;
      }),
    judge: ({ counts }) => [
      atLeast('publishes that failed', counts.failed, 1),
      atMost('publishes unknown', counts.unknown, 0),
    ],
  },
  {
    row: '28s',
    title: 'Sentinel demotes the master while it is read',
    largeOnly: true,
    store: 'sentinel',
    expect: { mayLose: true },
    bites: { gaps: 1 },
    inject: (stage) =>
      newLineage(stage, async () => {
        const old = await stage.master();
        await talk(portOf(group(stage)), (redis) => redis.call('sentinel', 'failover', 'main'));
        const promoted = await group(stage).promoted(old, FAILOVER_MS);
        await demote(old, promoted);
        return undefined;
      }),
    judge: noneSilent,
  },
];

/** Sentinel does the same, and takes its time (8 s). */
async function demote(old: RedisServer, master: RedisServer): Promise<void> {
  await talk(old.port, (redis) => redis.replicaof('127.0.0.1', master.port));
}

/**
 * Nobody publishes through one of the gateways while the master is frozen, so that there is no
 * publish by which it could notice; everybody does again while there are two masters.
 */
async function twoMasters(stage: Stage): Promise<Evidence> {
  const { load } = stage;
  const quiet = stage.gateway(0);
  const acknowledged = () => load.counts.acknowledgedBy.get(quiet.name) ?? 0;
  let betweenTwo = 0;
  const evidence = await newLineage(stage, async () => {
    const old = await stage.master();
    const heads = load.heads(stage.arbiter);
    // What failed elsewhere is not tried again there.
    stage.route(stage.gateways.slice(1));
    await load.hush(quiet.name);
    old.freeze();
    const promoted = await group(stage).promoted(old, FAILOVER_MS);
    await stage.renewed(heads);
    // All who publish to a topic may be quiet.
    await load.herald();
    await stage.recovered();
    const before = acknowledged();
    old.thaw();
    stage.route([quiet]);
    load.speak();
    await load.herald();
    stage.route(stage.gateways);
    betweenTwo = acknowledged() - before;
    // Sentinel would have made it a replica after 8 s.
    const role = await info(old, 'role');
    if (role !== 'master' || betweenTwo === 0) {
      throw new Error(`${betweenTwo} publishes were acknowledged, the old master is ${role}`);
    }
    await demote(old, promoted);
    return undefined;
  });
  return { ...evidence, betweenTwo };
}

/** Replication is cut, some more is acknowledged, the master dies. */
async function laggingFailover(stage: Stage, publishes: number): Promise<Evidence> {
  const old = await stage.master();
  await group(stage).lag();
  await moreAnswered(stage, publishes);
  return dies(stage, old);
}

/** The same, with a restart in between that loses nothing: what it began dies with the master. */
async function unheardRestart(stage: Stage, publishes: number): Promise<Evidence> {
  const old = await stage.master();
  const before = stage.load.heads(stage.arbiter);
  await group(stage).lag();
  await moreAnswered(stage, publishes);
  await talk(old.port, async (redis) => {
    // The replica stays locked out, and what is there is saved at the end.
    await redis.config('REWRITE');
    await redis.config('SET', 'save', '3600 1');
  });
  await old.shutdown();
  await old.restart();
  await stage.renewed(before);
  await moreAnswered(stage, publishes);
  const between = stage.load.heads(stage.arbiter);
  const evidence = await dies(stage, old);
  // The replica begins with the epochs of `before`, which nobody goes on in.
  await stage.renewed(before, between);
  return evidence;
}

async function dies(stage: Stage, old: RedisServer): Promise<Evidence> {
  const begin = performance.now();
  await old.kill();
  await group(stage).promoted(old, FAILOVER_MS);
  return { detectionMs: since(begin) };
}

async function moreAnswered({ load: { counts } }: Stage, publishes: number): Promise<void> {
  const before = counts.acknowledged + counts.unknown;
  await until(() => counts.acknowledged + counts.unknown >= before + publishes, {
    for: 'publishes that the replica does not have',
    deadlineMs: 5_000,
  });
}

function group({ sentinel }: Stage): SentinelGroup {
  if (sentinel === undefined) throw new Error('the row did not ask for Sentinel');
  return sentinel;
}

const portOf = ({ sentinels }: SentinelGroup): number => Number(sentinels[0]?.split(':')[1] ?? 0);
