import type { Redis } from 'ioredis';
import type { Ring } from '../../protocol/ring.ts';
import { encodeRing, ringDigest } from '../../protocol/ring-document.ts';
import { until } from '../deadline.ts';
import { agreed } from '../processes/ring-view.ts';
import { talk } from '../processes/sentinel.ts';
import { boardOf, shown } from './board.ts';
import { atMost } from './demands.ts';
import type { Evidence } from './judges.ts';
import { movers, placed, undisturbed } from './movers.ts';
import type { Row } from './row.ts';
import type { Stage } from './stage.ts';

/** Faults of the board on which gateways find the ring. */

const CONFLICTS = 'wscluster_ring_conflicts_total';
const TAKEN = 'wscluster_ring_documents_total{outcome="newer"}';
const OFFERED = 'wscluster_ring_offers_total{outcome="stored"}';
const PATIENCE_MS = 60_000;
const TIMES = 3;

export const boardRows: readonly Row[] = [
  {
    ...movers,
    row: '9',
    title: 'the board shows older rings again and again',
    bites: { offered: TIMES },
    inject: rewind,
    judge: (run) => [
      ...undisturbed(run),
      atMost('clients moved', run.counts.moves, 0),
      atMost('rings taken', run.evidence['taken'] ?? Number.NaN, 0),
    ],
  },
  {
    ...movers,
    row: '10',
    title: 'the board shows another ring of the same version',
    bites: { conflicts: 3, moved: movers.shape.movers / 2 },
    inject: contradict,
    judge: undisturbed,
  },
];

/** What a board must have for gateways to believe it. */
async function show(redis: Redis, ring: Ring): Promise<void> {
  const document = encodeRing(ring);
  const { generation, counter } = ring.version;
  const shown = { rg: generation, rc: counter, rh: ringDigest(document), d: document };
  await redis.hset(boardOf(ring), shown);
}

/** Each shard is the next member's. */
const turned = (ring: Ring): Ring => ({
  ...ring,
  owners: ring.owners.map((owner) => (owner + 1) % ring.members.length),
});

/** Of all gateways together. */
async function total({ gateways }: Stage, series: string): Promise<number> {
  const counts = await Promise.all(gateways.map((gateway) => gateway.metric(series)));
  return counts.reduce<number>((sum, count) => sum + (count ?? Number.NaN), 0);
}

/** Whoever beats next has a newer one, and offers it. */
function rewind(stage: Stage): Promise<Evidence> {
  return talk(stage.redis.port, async (redis) => {
    const { digest } = await agreed(stage.gateways);
    const ring = await shown(redis);
    const { generation, counter } = ring.version;
    const older = turned({ ...ring, version: { generation, counter: counter - 1 } });
    const before = { offered: await total(stage, OFFERED), taken: await total(stage, TAKEN) };
    for (let time = 0; time < TIMES; time += 1) {
      await show(redis, older);
      await until(async () => (await shown(redis)).version.counter === counter, {
        for: 'the board to have the newer ring again',
        deadlineMs: PATIENCE_MS,
      });
    }
    const after = await agreed(stage.gateways);
    if (after.digest !== digest) throw new Error(`${after.digest} is in force, not ${digest}`);
    const offered = (await total(stage, OFFERED)) - before.offered;
    return { offered, taken: (await total(stage, TAKEN)) - before.taken };
  });
}

/** The one with the higher digest is in force everywhere, and everybody goes where it says. */
function contradict(stage: Stage): Promise<Evidence> {
  return talk(stage.redis.port, async (redis) => {
    const { digest = '' } = await agreed(stage.gateways);
    const before = { conflicts: await total(stage, CONFLICTS), moves: stage.load.counts.moves };
    const rival = higher(turned(await shown(redis)), digest);
    await show(redis, rival);
    const inForce = ringDigest(encodeRing(rival));
    await until(async () => (await agreed(stage.gateways)).digest === inForce, {
      for: 'the ring with the higher digest to be in force',
      deadlineMs: PATIENCE_MS,
    });
    await placed(stage);
    return {
      conflicts: (await total(stage, CONFLICTS)) - before.conflicts,
      moved: stage.load.counts.moves - before.moves,
    };
  });
}

/** The same but for two shards, so that its digest is above. Half of all are. */
function higher(ring: Ring, digest: string): Ring {
  const { owners } = ring;
  for (let shard = 1; shard < owners.length; shard += 1) {
    const swapped = owners.slice();
    [swapped[0], swapped[shard]] = [owners[shard] as number, owners[0] as number];
    const candidate = { ...ring, owners: swapped };
    if (ringDigest(encodeRing(candidate)) > digest) return candidate;
  }
  throw new Error(`no ring is above ${digest}`);
}
