import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

/** Every name begins with this. */
const PREFIX = 'wscluster_';

/** A label and all values that it can have: more would grow without bound. */
export interface Label<Value extends string> {
  readonly label: string;
  readonly values: readonly Value[];
}

interface ReadLabel<Value extends string> extends Label<Value> {
  readonly read: () => Readonly<Partial<Record<Value, number>>>;
}

interface BucketLabel<Value extends string> extends Label<Value> {
  readonly buckets: readonly number[];
}

/**
 * Makes series in one registry, each from its name without the prefix and its text. All of them
 * exist from the start, with every value of their label at zero: a rate over a series that appears
 * only with its first event misses that event.
 */
export class SeriesMaker {
  readonly #registers: Registry[];

  constructor(registry: Registry) {
    this.#registers = [registry];
  }

  counter(name: string, help: string): (amount?: number) => void {
    const counter = new Counter({ name: PREFIX + name, help, registers: this.#registers });
    return (amount = 1) => counter.inc(amount);
  }

  counters<Value extends string>(
    name: string,
    help: string,
    { label, values }: Label<Value>,
  ): (value: Value, amount?: number) => void {
    const registers = this.#registers;
    const counter = new Counter({ name: PREFIX + name, help, labelNames: [label], registers });
    const children = new Map(values.map((value) => [value, counter.labels({ [label]: value })]));
    for (const child of children.values()) child.inc(0);
    // A value that is not one of them would be a mistake of types; it is not worth a crash.
    return (value, amount = 1) => children.get(value)?.inc(amount);
  }

  /** With two labels; every pair of values is there from the start. */
  grid<A extends string, B extends string>(
    name: string,
    help: string,
    [first, second]: readonly [Label<A>, Label<B>],
  ): (a: A, b: B) => void {
    const labelNames = [first.label, second.label];
    const registers = this.#registers;
    const counter = new Counter({ name: PREFIX + name, help, labelNames, registers });
    const pairs = first.values.flatMap((a) => second.values.map((b) => [a, b] as const));
    const children = new Map(pairs.map(([a, b]) => [`${a} ${b}`, counter.labels(a, b)]));
    for (const child of children.values()) child.inc(0);
    return (a, b) => children.get(`${a} ${b}`)?.inc();
  }

  /** Read when somebody asks. */
  gauge(name: string, help: string, read: () => number): void {
    new Gauge({
      name: PREFIX + name,
      help,
      registers: this.#registers,
      collect() {
        this.set(read());
      },
    });
  }

  gauges<Value extends string>(name: string, help: string, label: ReadLabel<Value>): void {
    new Gauge({
      name: PREFIX + name,
      help,
      labelNames: [label.label],
      registers: this.#registers,
      collect() {
        const now = label.read();
        for (const value of label.values) this.set({ [label.label]: value }, now[value] ?? 0);
      },
    });
  }

  histogram(name: string, help: string, buckets: readonly number[]): (value: number) => void {
    const options = { help, buckets: [...buckets], registers: this.#registers };
    const histogram = new Histogram({ name: PREFIX + name, ...options });
    return (value) => histogram.observe(value);
  }

  histograms<Value extends string>(
    name: string,
    help: string,
    { label, values, buckets }: BucketLabel<Value>,
  ): (value: Value, amount: number) => void {
    const options = { help, buckets: [...buckets], registers: this.#registers };
    const histogram = new Histogram({ name: PREFIX + name, labelNames: [label], ...options });
    for (const value of values) histogram.zero({ [label]: value });
    return (value, amount) => histogram.observe({ [label]: value }, amount);
  }
}

/** The keys of a record that must name every value of a union: the compiler holds it complete. */
export function allOf<Value extends string>(values: Readonly<Record<Value, true>>): Value[] {
  return Object.keys(values) as Value[];
}
