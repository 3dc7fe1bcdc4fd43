import assert from 'node:assert/strict';
import { once } from 'node:events';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { Exploration, Findings } from './explore.ts';

const WORKERS = 2;

/** Tells the worlds of a range of seeds on both processors; what they had in common. */
export async function exploreTogether(
  exploration: Omit<Exploration, 'step' | 'spoilers'>,
): Promise<Findings> {
  const parts = Array.from({ length: WORKERS }, (_, index) =>
    delegate({ ...exploration, first: exploration.first + index, step: WORKERS }),
  );
  return (await Promise.all(parts)).reduce(joined);
}

/** Tells worlds in a thread of its own, which loads these modules first. */
export async function delegate(
  exploration: Exploration,
  imports: readonly string[] = [],
): Promise<Findings> {
  const worker = new Worker(join(import.meta.dirname, 'explorer.ts'), {
    ...(imports.length > 0 && { execArgv: imports.flatMap((module) => ['--import', module]) }),
    workerData: exploration,
  });
  const [findings] = (await once(worker, 'message')) as [Findings];
  await worker.terminate();
  return findings;
}

function joined(one: Findings, other: Findings): Findings {
  const counts = new Map(one.counts);
  for (const [name, times] of other.counts) counts.set(name, (counts.get(name) ?? 0) + times);
  return {
    worlds: one.worlds + other.worlds,
    events: one.events + other.events,
    simulatedMs: one.simulatedMs + other.simulatedMs,
    catchUpMs: Math.max(one.catchUpMs, other.catchUpMs),
    counts,
    failure: one.failure ?? other.failure,
  };
}

/** Nothing went wrong, and enough happened to prove something: by name, per 1,000 worlds. */
export function assertEnough(
  { failure, worlds, counts }: Findings,
  leastPerThousand: Readonly<Record<string, number>>,
): void {
  if (failure !== undefined) assert.fail(failure.text);
  for (const [name, least] of Object.entries(leastPerThousand)) {
    const times = counts.get(name) ?? 0;
    assert(times >= (least * worlds) / 1_000, `${name}: only ${times} in ${worlds} worlds`);
  }
}

/** For whoever reads the report. */
export function summary({ events, simulatedMs, catchUpMs }: Findings): string[] {
  return [
    `${events} events in ${Math.round(simulatedMs / 60_000)} simulated minutes`,
    `everybody was level at most ${Math.round(catchUpMs)} ms after the last fault`,
  ];
}
