import type { StreamSettings } from '../../settings/declaration.ts';

/** What was answered to a (producer, seq). */
export interface Remembered {
  readonly fingerprint: string;
  readonly epoch: string;
  readonly seq: number;
  readonly confirmed: number;
}

interface Home {
  readonly nowMs: number;
  readonly settings: Pick<StreamSettings, 'idempotencyWindowS'>;
}

interface Window {
  readonly number: number;
  readonly producers: ReadonlyMap<string, Map<number, Remembered>>;
}

/** What the producers of a topic were answered. */
export class MemoryAnswers {
  readonly #home: Home;
  /** Newest first, at most two: they surely cover the last `idempotencyWindowS`. */
  #windows: readonly Window[] = [];
  /** Answers and producers in the newest. */
  #size = 0;

  constructor(home: Home) {
    this.#home = home;
  }

  of(producer: string, seq: number): Remembered | undefined {
    return this.#of(producer)
      .map((answers) => answers.get(seq))
      .find((answer) => answer !== undefined);
  }

  /** Whether a higher seq of the producer was written. */
  hasLater(producer: string, seq: number): boolean {
    return this.#of(producer).some((answers) => answers.keys().some((other) => other > seq));
  }

  /** How many answers, and producers, are remembered of this window. */
  get size(): number {
    this.#turn();
    return this.#size;
  }

  add(producer: string, seq: number, answer: Remembered): void {
    this.#turn();
    const producers = this.#windows[0]?.producers as Map<string, Map<number, Remembered>>;
    const answers = producers.get(producer);
    if (answers === undefined) producers.set(producer, new Map([[seq, answer]]));
    else answers.set(seq, answer);
    this.#size += answers === undefined ? 2 : 1;
  }

  /** What they were when the topic ended at `last`. */
  upTo(last: number): MemoryAnswers {
    const copy = new MemoryAnswers(this.#home);
    copy.#windows = this.#windows.map(({ number, producers }) => ({
      number,
      producers: new Map(producers.entries().map(([name, all]) => [name, keptOf(all, last)])),
    }));
    const [newest] = copy.#windows;
    for (const answers of newest?.producers.values() ?? []) copy.#size += 1 + answers.size;
    return copy;
  }

  #of(producer: string): Map<number, Remembered>[] {
    this.#turn();
    return this.#windows.flatMap(({ producers }) => producers.get(producer) ?? []);
  }

  #turn(): void {
    const number = Math.floor(this.#home.nowMs / (this.#home.settings.idempotencyWindowS * 1000));
    if (this.#windows[0]?.number === number) return;
    const kept = this.#windows.filter((old) => old.number === number - 1);
    this.#windows = [{ number, producers: new Map() }, ...kept];
    this.#size = 0;
  }
}

function keptOf(answers: Map<number, Remembered>, last: number): Map<number, Remembered> {
  return new Map(answers.entries().filter(([, { seq }]) => seq <= last));
}
