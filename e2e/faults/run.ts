import { Late } from '../../scripts/testing/late.ts';
import { until, within } from '../deadline.ts';
import { nanoseconds } from '../history/recorder.ts';
import { type Judgement, judged } from './judgement.ts';
import type { Evidence } from './judges.ts';
import type { Row } from './row.ts';
import { merged } from './settings.ts';
import { Stage, type StageOptions } from './stage.ts';

const RUN_MS = 600_000;
const STALLED_MS = 60_000;
/** From so many deliveries on a run is a large one. */
const LARGE = 100_000;

export interface RowOptions extends StageOptions {
  /** Deliveries in all, at least. */
  readonly deliveries: number;
  readonly progress?: (line: string) => void;
  /** What others on this machine may add to every time, ms. Default: nothing. */
  readonly busyMs?: number;
}

export interface RowResult extends Judgement {
  readonly row: Row;
  readonly seed: number;
  readonly evidence: Evidence;
  readonly seconds: number;
  /** Why the run before this one proved nothing. */
  readonly again?: string;
}

/**
 * Sets a row up, does the fault under load, judges the history. A run that proves nothing, such as
 * one on a machine that was too busy for the fault to bite, is done again, once: `again` says why.
 */
export async function runRow(row: Row, options: RowOptions): Promise<RowResult> {
  const first = await runOnce(row, options).catch(lateness);
  if (!(first instanceof Late) && !first.provesNothing) return first;
  const again = first instanceof Late ? first.message : first.complaints.join('; ');
  options.progress?.(`done again, since it proves nothing: ${again}`);
  return { ...(await runOnce(row, options)), again };
}

/** What came too late to begin or to end a run; any other error is thrown on. */
function lateness(error: unknown): Late {
  if (error instanceof Error && error.cause instanceof Late) return error.cause;
  throw error;
}

async function runOnce(small: Row, options: RowOptions): Promise<RowResult> {
  const begin = performance.now();
  const deliveries = options.deliveries * (small.volume ?? 1);
  const row = deliveries >= LARGE ? enlarged(small) : small;
  const shaped = { ...options, deliveries, shape: { ...options.shape, ...row.shape } };
  const stage = await Stage.open(row, shaped);
  try {
    const { evidence, ...ended } = await within(play(stage, row, shaped), {
      for: `row ${row.row} to end`,
      deadlineMs: RUN_MS,
    });
    const judgement = judged(row, {
      records: stage.recorder.records,
      counts: stage.load.counts,
      evidence,
      ...ended,
      besides: stage.besides(),
      perPhase: perPhase(shaped),
      busyMs: options.busyMs ?? 0,
    });
    await keepHistory(stage, row, judgement.complaints);
    const seconds = (performance.now() - begin) / 1_000;
    return { row, seed: options.seed, ...judgement, evidence, seconds };
  } catch (error) {
    const outputs = stage.gateways.map(({ name, output }) => `${name}: ${output.slice(-1_500)}`);
    throw new Error(`row ${row.row}, seed ${options.seed}\n${outputs.join('\n')}`, {
      cause: error,
    });
  } finally {
    await stage.close();
  }
}

function enlarged({ large, ...row }: Row): Row {
  if (large === undefined) return row;
  return {
    ...row,
    shape: { ...row.shape, ...large.shape },
    settings: merged(large.settings ?? {}, row.settings ?? {}),
  };
}

interface Played {
  readonly evidence: Evidence;
  /** As in `Ended`. */
  readonly stuck: readonly string[];
  readonly late: readonly string[];
}

async function play(stage: Stage, row: Row, options: RowOptions): Promise<Played> {
  const { load, arbiter, recorder } = stage;
  const third = Math.ceil(options.deliveries / 3);
  const progress = options.progress ?? (() => {});
  await stage.baseline();
  arbiter.start();
  await load.begin();
  load.publish();
  await load.delivered(third, RUN_MS);
  progress(`${load.counts.deliveries} deliveries, now the fault`);
  const start = nanoseconds();
  const before = load.counts.deliveries;
  const stuck: string[] = [];
  const late: string[] = [];
  let evidence: Evidence = {};
  try {
    evidence = await row.inject(stage);
    await stage.recovered();
    await load.delivered(before + perPhase(options), STALLED_MS);
    const end = nanoseconds();
    recorder.write({ kind: 'fault', fault: row.title, target: row.store, start, end, evidence });
    progress(`recovered, ${load.counts.deliveries} deliveries, ${JSON.stringify(evidence)}`);
    await load.delivered(Math.max(options.deliveries, load.counts.deliveries + third), RUN_MS);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    (error instanceof Late ? late : stuck).push(message);
  }
  await load.quiet();
  await settle(stage);
  return { evidence, stuck, late };
}

/** Deliveries before, during and after the fault, each, at least. */
function perPhase({ deliveries }: RowOptions): number {
  return Math.min(1_000, Math.floor(deliveries / 3));
}

/** Nothing is published any more: everybody gets to the end, or the checker says who did not. */
async function settle(stage: Stage): Promise<void> {
  const { load, arbiter, recorder } = stage;
  await arbiter.readAll();
  // Somebody may be on the way to another gateway just now.
  const arrived = () =>
    load.attached(stage.absent) && load.level(load.heads(arbiter), stage.absent);
  await until(arrived, {
    for: 'everybody to reach the end',
    deadlineMs: 15_000,
  }).catch(() => {
    // The checker names those that did not, and what they miss.
  });
  await arbiter.stop();
  recorder.write({ kind: 'quiet', t: nanoseconds(), absent: [...stage.absent] });
  await load.leave();
  await stage.settled();
}

/** WSCLUSTER_TEST_HISTORY=<directory> keeps the records of runs that failed. */
async function keepHistory(stage: Stage, row: Row, complaints: readonly string[]): Promise<void> {
  const directory = process.env['WSCLUSTER_TEST_HISTORY'];
  if (directory === undefined || complaints.length === 0) return;
  await stage.recorder.save(`${directory}/row-${row.row}.ndjson`);
}
