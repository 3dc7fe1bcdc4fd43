import type { Clock } from '../../protocol/clock.ts';
import type { Log, Probe } from './log.ts';
import { timeLimit } from './time-limit.ts';

/**
 * Proof that the connection that carries the live copies works, and leads to the same server as
 * the one for commands: a message that this pod sends to itself. When it is back, every live copy
 * that was sent before it has been heard.
 */
export class Prober {
  readonly #log: Pick<Log, 'probe'>;
  readonly #clock: Clock;
  readonly #limitMs: number;
  readonly #name: string;
  #count = 0;
  #current: Promise<Probe> | undefined;
  #next: Promise<Probe> | undefined;
  #answered: Probe | undefined;
  #returned: { readonly token: string; readonly resolve: () => void } | undefined;

  /** `name`: begins every token, unlike that of any other pod. */
  constructor(options: {
    readonly log: Pick<Log, 'probe'>;
    readonly clock: Clock;
    readonly limitMs: number;
    readonly name: string;
  }) {
    this.#log = options.log;
    this.#clock = options.clock;
    this.#limitMs = options.limitMs;
    this.#name = options.name;
  }

  /** A probe that begins after this call and came back; shared by all who ask meanwhile. */
  next(): Promise<Probe> {
    this.#next ??= this.#afterCurrent();
    return this.#next;
  }

  /** What the log itself answered to the newest probe, whether the probe came back or not. */
  get answered(): Probe | undefined {
    return this.#answered;
  }

  /** The live connection brought a probe. */
  probed(token: string): void {
    if (token === this.#returned?.token) this.#returned.resolve();
  }

  async #afterCurrent(): Promise<Probe> {
    // Settled either way; whoever waits for it hears of its failure.
    await this.#current?.catch(() => {});
    const probe = this.#run();
    this.#current = probe;
    this.#next = undefined;
    return probe;
  }

  async #run(): Promise<Probe> {
    this.#count += 1;
    const token = `${this.#name}-${this.#count}`;
    const returned = Promise.withResolvers<void>();
    this.#returned = { token, resolve: returned.resolve };
    this.#answered = undefined;
    const asked = this.#log.probe(token).then((probe) => {
      this.#answered = probe;
      return probe;
    });
    const [probe] = await timeLimit(
      this.#clock,
      this.#limitMs,
      Promise.all([asked, returned.promise]),
    );
    return probe;
  }
}
