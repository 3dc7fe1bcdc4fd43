import { replayCommand, tellFailure } from './telling.ts';
import { type Spoilers, World } from './world.ts';

export interface Failure {
  readonly seed: number;
  readonly text: string;
  /** What did not hold; nothing: the world itself broke. */
  readonly broken: readonly string[];
}

/** What many worlds had in common. Plain data, so that a worker can send it. */
export interface Findings {
  readonly worlds: number;
  readonly events: number;
  readonly simulatedMs: number;
  /** Longest time from the last fault until everybody was level, ms. */
  readonly catchUpMs: number;
  readonly counts: ReadonlyMap<string, number>;
  /** The first world in which something went wrong. */
  readonly failure: Failure | undefined;
}

export interface Exploration {
  readonly first: number;
  readonly step: number;
  readonly last: number;
  readonly spoilers?: Spoilers;
  /** Worlds whose gateways organise a ring. */
  readonly ring?: boolean;
}

/** Tells worlds until one fails, or all are told. Never rejects. */
export async function explore({ first, step, last, ...options }: Exploration): Promise<Findings> {
  const counts = new Map<string, number>();
  const found = { worlds: 0, events: 0, simulatedMs: 0, catchUpMs: 0 };
  let failure: Findings['failure'];
  for (let seed = first; seed <= last && failure === undefined; seed += step) {
    try {
      const outcome = await new World(seed, options).run();
      found.worlds += 1;
      found.events += outcome.events;
      found.simulatedMs += outcome.simulatedMs;
      found.catchUpMs = Math.max(found.catchUpMs, outcome.figures.catchUpMs);
      for (const [name, times] of outcome.tally.counts) {
        counts.set(name, (counts.get(name) ?? 0) + times);
      }
      const broken = outcome.violations.map(({ invariant }) => invariant);
      if (broken.length > 0) failure = { seed, text: tellFailure(outcome), broken };
    } catch (error) {
      const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
      const replay = replayCommand({ seed, ring: options.ring === true });
      failure = { seed, text: `Seed ${seed} broke: ${text}\n${replay}`, broken: [] };
    }
  }
  return { ...found, counts, failure };
}
