import { cpus } from 'node:os';

/** Shorter than this says little: the system counts in ticks of some ms. */
const SHORTEST_MS = 400;

interface Times {
  readonly all: number;
  readonly idle: number;
}

/** What this machine's processors do, whoever keeps them busy. */
export class Processors {
  #at = performance.now();
  #times = read();

  /** Share of their time that nobody used since this was last told, 0 to 1; 0 when too early. */
  idle(): number {
    const now = performance.now();
    if (now - this.#at < SHORTEST_MS) return 0;
    const before = this.#times;
    this.#times = read();
    this.#at = now;
    const all = this.#times.all - before.all;
    return all > 0 ? (this.#times.idle - before.idle) / all : 0;
  }
}

function read(): Times {
  let [all, idle] = [0, 0];
  for (const { times } of cpus()) {
    all += times.user + times.nice + times.sys + times.idle + times.irq;
    idle += times.idle;
  }
  return { all, idle };
}
