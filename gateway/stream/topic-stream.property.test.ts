import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { World } from './testing/seeded-world.ts';

const SEEDS = Number(process.env['STREAM_SEEDS'] ?? 2_000);
const FIRST_SEED = Number(process.env['STREAM_SEED'] ?? 1);
const WORKERS = 2;

/** What a worker found: how many worlds lost acknowledged messages, and the first failure. */
interface Findings {
  readonly lossy: number;
  readonly seed?: number;
  readonly error?: unknown;
}

async function explore(first: number): Promise<Findings> {
  // Refusals are ordinary here, and their stacks would cost more than the rest.
  Error.stackTraceLimit = 0;
  let lossy = 0;
  for (let seed = first; seed < FIRST_SEED + SEEDS; seed += WORKERS) {
    const world = new World(seed);
    try {
      await world.run();
    } catch (error) {
      return { lossy, seed, error };
    }
    if (world.lossy) lossy += 1;
  }
  return { lossy };
}

async function delegate(first: number): Promise<Findings> {
  const worker = new Worker(import.meta.filename, { workerData: first });
  const [findings] = (await once(worker, 'message')) as [Findings];
  await worker.terminate();
  return findings;
}

if (isMainThread) {
  test(`no listener loses or repeats anything in ${SEEDS} failing worlds`, async () => {
    const firsts = Array.from({ length: WORKERS }, (_, index) => FIRST_SEED + index);
    const findings = await Promise.all(firsts.map(delegate));
    for (const { seed, error } of findings) {
      const command = `STREAM_SEED=${seed} STREAM_SEEDS=1 node --test ${import.meta.filename}`;
      if (seed !== undefined) throw new Error(`replay: ${command}`, { cause: error });
    }
    const lossy = findings.reduce((sum, each) => sum + each.lossy, 0);
    assert(SEEDS < 100 || lossy > SEEDS / 20, 'hardly any failover lost anything');
  });
} else parentPort?.postMessage(await explore(workerData as number));
