import { readFileSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';

/** What kept this process and its machine from working, which gateways are not to blame for. */
export interface Stalls {
  /** The longest time for which this process did nothing that it had to. */
  readonly longestMs: number;
  /** Share of the processors' time that another machine had instead of this one, 0 to 1. */
  readonly stolen: number;
}

const RESOLUTION_MS = 20;

/** Counts from its making on. */
export class StallWatch {
  readonly #delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  readonly #before = processorTimes();

  constructor() {
    this.#delay.enable();
  }

  get stalls(): Stalls {
    const now = processorTimes();
    const all = now.all - this.#before.all;
    return {
      longestMs: Math.round(this.#delay.max / 1e6),
      stolen: all > 0 ? Number(((now.stolen - this.#before.stolen) / all).toFixed(2)) : 0,
    };
  }

  stop(): void {
    this.#delay.disable();
  }
}

/** In ticks, since the machine started; of the first eight of proc_stat(5) the last are stolen. */
function processorTimes(): { all: number; stolen: number } {
  const [line = ''] = readFileSync('/proc/stat', 'utf8').split('\n', 1);
  const ticks = line.trim().split(/\s+/).slice(1, 9).map(Number);
  return { all: ticks.reduce((sum, one) => sum + one, 0), stolen: ticks[7] ?? 0 };
}
