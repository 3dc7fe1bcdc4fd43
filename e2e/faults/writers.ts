import { until } from '../deadline.ts';
import type { GatewayProcess } from '../processes/gateway-process.ts';
import { agreed } from '../processes/ring-view.ts';
import { atMost, type Demand } from './demands.ts';
import { type Evidence, noGaps, type Run } from './judges.ts';
import { movers, patientMovers, placed, SILENT_MS } from './movers.ts';
import type { Row } from './row.ts';
import type { Stage } from './stage.ts';

/** Faults of the gateway that writes the ring. */

const CONFLICTS = 'wscluster_ring_conflicts_total';
/** What only an offer of a ring has in it. */
const DOCUMENT = '"format":1';
/** Until something happens that takes some heartbeats. */
const PATIENCE_MS = 60_000;
/** One gateway of three has its share of the clients; this is less than that. */
const SHARE = movers.shape.movers / 6;

export const writerRows: readonly Row[] = [
  {
    ...patientMovers,
    row: '18',
    title: 'the gateway that writes the ring is frozen, and wakes up when another one writes',
    bites: { interrupted: SHARE, generations: 1 },
    expect: { silenceMs: SILENT_MS },
    inject: freezeWriter,
    judge: oneRing,
  },
  {
    ...patientMovers,
    row: '18k',
    title: 'the gateway that writes the ring is killed between its write and the answer',
    proxied: true,
    bites: { interrupted: SHARE, generations: 1, unanswered: 1 },
    inject: killWriter,
    judge: oneRing,
  },
];

/** Whoever wrote, all have one ring, and only who was on that gateway notices anything. */
function oneRing({ evidence, ...run }: Run): Demand[] {
  return [
    ...noGaps({ evidence, ...run }),
    atMost('rings of one version', evidence['conflicts'] ?? Number.NaN, 0),
    atMost('clients of other gateways disturbed', evidence['disturbed'] ?? Number.NaN, 0),
  ];
}

/** A fault of the writer, from one ring that all have to the next. */
async function fromRingToRing(
  stage: Stage,
  fault: (writer: GatewayProcess) => Promise<Evidence>,
): Promise<Evidence> {
  const { load } = stage;
  const before = await agreed(stage.gateways);
  const writer = stage.gateways.find(({ name }) => name === before.writer);
  if (writer === undefined) throw new Error(`nobody is ${before.writer}, who writes the ring`);
  const others = load.movers.filter(({ gateway }) => gateway !== writer.name);
  const { interrupted } = load.counts;
  const evidence = await fault(writer);
  const after = await agreed(stage.alive);
  await stage.recovered();
  const conflicts = await Promise.all(stage.alive.map((gateway) => gateway.metric(CONFLICTS)));
  return {
    ...evidence,
    interrupted: load.counts.interrupted - interrupted,
    disturbed: others.filter((one) => one.interrupted > 0).length,
    generations: (after.version?.generation ?? 0) - (before.version?.generation ?? 0),
    conflicts: conflicts.reduce<number>((sum, count) => sum + (count ?? Number.NaN), 0),
  };
}

/** What it still wants to write then is refused, and it takes the ring that the others have. */
function freezeWriter(stage: Stage): Promise<Evidence> {
  return fromRingToRing(stage, async (writer) => {
    writer.freeze();
    try {
      await stage.join();
      const others = stage.gateways.filter((gateway) => gateway !== writer);
      stage.route(others);
      await agreed(others);
      await until(() => stage.load.movers.every(({ gateway }) => gateway !== writer.name), {
        for: 'everybody to leave the frozen gateway',
        deadlineMs: PATIENCE_MS,
      });
    } finally {
      writer.thaw();
    }
    await until(() => writer.ready(), { for: 'it to be ready', deadlineMs: PATIENCE_MS });
    stage.route(stage.gateways);
    await agreed(stage.gateways);
    await placed(stage);
    return {};
  });
}

/** The ring is on the board, and whoever wrote it never hears of that. */
function killWriter(stage: Stage): Promise<Evidence> {
  return fromRingToRing(stage, async (writer) => {
    const proxy = stage.proxy(stage.gateways.indexOf(writer));
    proxy.loseReply(DOCUMENT, { times: 1 });
    const joined = stage.join();
    try {
      await until(() => proxy.counts.repliesLost > 0, {
        for: 'the ring with the new gateway to be written',
        deadlineMs: PATIENCE_MS,
        everyMs: 1,
      });
      await writer.kill();
    } finally {
      await joined;
    }
    stage.route(stage.alive);
    return { unanswered: proxy.counts.repliesLost };
  });
}
