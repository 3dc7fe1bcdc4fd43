import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { check } from './checker.ts';
import type { GapRecord, HistoryRecord, Tap } from './records.ts';
import { type Expectations, type Invariant, strict } from './verdict.ts';

const lossy: Expectations = { ...strict, mayLose: true };
const trimming: Expectations = { ...strict, mayTrim: true };

/** One sequence number, or the first and the last of several. */
type Numbers = number | readonly [from: number, to: number];

function numbers(at: Numbers): number[] {
  const [from, to] = typeof at === 'number' ? [at, at] : at;
  return Array.from({ length: to - from + 1 }, (_, index) => from + index);
}

/** One topic, and one subscriber that is told of it, in the order in which it is told. */
class Tale {
  readonly #records: HistoryRecord[] = [];
  readonly #tap: Tap;
  #time = 0;

  constructor(tap: Tap) {
    this.#tap = tap;
  }

  /** Acknowledged, and read by the arbiter. `id` names the first of them; by default its place. */
  wrote(epoch: string, at: Numbers, id?: string): this {
    for (const seq of numbers(at)) {
      const said = { topic: 't', id: id ?? `${epoch}/${seq}`, hash: 1, epoch, seq };
      const [inv, ret] = [this.#tick(), this.#tick()];
      const who = { publisher: `p ${epoch} ${seq}`, pn: 1, attempt: 1 };
      this.#records.push(
        { kind: 'pub', ...who, inv, ret, out: 'ok', level: 'leader', ...said },
        { kind: 'entry', t: ret, ...said },
      );
    }
    return this;
  }

  /** What the store says of its epochs: each with its first number less one, and its last. */
  epochs(...all: readonly (readonly [epoch: string, start: number, end: number])[]): this {
    const epochs = all.map(([epoch, start, end]) => ({ epoch, start, end }));
    this.#records.push({ kind: 'lineage', t: this.#tick(), topic: 't', epochs });
    return this;
  }

  trimmed(epoch: string, first: number): this {
    this.#records.push({ kind: 'retained', t: this.#tick(), topic: 't', epoch, first });
    return this;
  }

  begins(epoch: string, seq: number): this {
    this.connects();
    const identity = 'me';
    this.#records.push({ kind: 'sub', t: this.#tick(), ...this.#who, identity, epoch, seq });
    return this;
  }

  connects(): this {
    const conn = { kind: 'conn', subscriber: 's' } as const;
    this.#records.push({ ...conn, t: this.#tick(), state: 'closed' });
    this.#records.push({ ...conn, t: this.#tick(), state: 'open' });
    return this;
  }

  got(epoch: string, at: Numbers, id?: string): this {
    for (const seq of numbers(at)) {
      const said = { id: id ?? `${epoch}/${seq}`, hash: 1, epoch, seq };
      this.#records.push({ kind: 'del', t: this.#tick(), ...this.#who, ...said });
    }
    return this;
  }

  gap(reason: GapRecord['reason'], [from, to]: [number, number], at: [string, number]): this {
    const [epoch, seq] = at;
    const said = { reason, from, to, epoch, seq };
    this.#records.push({ kind: 'gap', t: this.#tick(), ...this.#who, ...said });
    return this;
  }

  breaks(expect: Expectations): Invariant[] {
    this.#records.push({ kind: 'quiet', t: this.#tick(), absent: [] });
    return [...check(this.#records, expect).violated.keys()].sort();
  }

  get #who() {
    return { subscriber: 's', tap: this.#tap, topic: 't' };
  }

  #tick(): number {
    this.#time += 1_000;
    return this.#time;
  }
}

/** Ten messages, all of which the client has read. */
const read = (tap: Tap = 'wire') =>
  new Tale(tap).epochs(['e1', 0, 0]).begins('e1', 0).wrote('e1', [1, 10]).got('e1', [1, 10]);

/** The same; then a failover kept seven, and five more were written. */
const failedOver = (tap: Tap = 'wire') =>
  read(tap).epochs(['e1', 0, 7], ['e2', 7, 12]).wrote('e2', [8, 12]);

/** The same without a failover, and the first seven were trimmed. */
const cutShort = () => read().wrote('e1', [11, 12]).epochs(['e1', 0, 12]).trimmed('e1', 8);

/** What a plain client that comes back may be told. */
const good: readonly (readonly [string, () => Tale, Expectations])[] = [
  [
    'gets again what came after its cursor',
    () => read().epochs(['e1', 0, 12]).wrote('e1', [11, 12]).connects().got('e1', [6, 12]),
    strict,
  ],
  [
    'gets nothing when it was at the end',
    () => read().epochs(['e1', 0, 10]).connects().connects(),
    strict,
  ],
  [
    'had read what was lost, and its cursor says all of it',
    () => failedOver().connects().gap('truncated', [8, 10], ['e2', 7]).got('e2', [8, 12]),
    lossy,
  ],
  [
    'had read some of what was lost, and is told of all of it',
    () =>
      new Tale('wire')
        .epochs(['e1', 0, 0])
        .begins('e1', 0)
        .wrote('e1', [1, 10])
        .got('e1', [1, 9])
        .epochs(['e1', 0, 7], ['e2', 7, 12])
        .wrote('e2', [8, 12])
        .connects()
        .gap('truncated', [8, 10], ['e2', 7])
        .got('e2', [8, 12]),
    lossy,
  ],
  [
    'had read what was lost, and its cursor says nothing of it',
    () =>
      failedOver().connects().got('e1', [5, 7]).gap('lost', [8, 10], ['e2', 7]).got('e2', [8, 12]),
    lossy,
  ],
  [
    'is told of the same loss at each return, until its cursor moves',
    () =>
      failedOver()
        .connects()
        .gap('truncated', [8, 10], ['e2', 7])
        .got('e2', 8)
        .connects()
        .got('e1', 7)
        .gap('lost', [8, 10], ['e2', 7])
        .got('e2', [8, 9])
        .connects()
        .got('e2', [8, 12]),
    lossy,
  ],
  [
    'had read what was trimmed behind its cursor',
    () => cutShort().connects().gap('trimmed', [4, 7], ['e1', 7]).got('e1', [8, 12]),
    trimming,
  ],
];
/** What it must not be told, and what that breaks. */
const bad: readonly (readonly [string, () => Tale, Expectations, readonly Invariant[]])[] = [
  [
    'goes on behind what it had',
    () => read().wrote('e1', [11, 12]).epochs(['e1', 0, 12]).connects().got('e1', 12),
    strict,
    ['I6'],
  ],
  [
    'misses one of those that it gets again',
    () => read().epochs(['e1', 0, 10]).connects().got('e1', 6).got('e1', [8, 10]),
    strict,
    ['I6'],
  ],
  [
    'gets them again in another order',
    () => read().epochs(['e1', 0, 10]).connects().got('e1', 6).got('e1', 8).got('e1', [7, 10]),
    strict,
    ['I4', 'I6'],
  ],
  [
    'gets one again without having been away',
    () => read().epochs(['e1', 0, 10]).got('e1', 10),
    strict,
    ['I4'],
  ],
  [
    'gets again what came before it began',
    () =>
      new Tale('wire')
        .wrote('e1', [1, 10])
        .epochs(['e1', 0, 10])
        .begins('e1', 5)
        .got('e1', [6, 10])
        .connects()
        .got('e1', [5, 10]),
    strict,
    ['I4'],
  ],
  [
    'is told that something was trimmed, and nothing was',
    () =>
      read().epochs(['e1', 0, 10]).connects().gap('trimmed', [4, 7], ['e1', 7]).got('e1', [8, 10]),
    strict,
    ['I8'],
  ],
  [
    'is told that more was trimmed than was',
    () =>
      read()
        .wrote('e1', [11, 12])
        .epochs(['e1', 0, 12])
        .connects()
        .gap('trimmed', [4, 8], ['e1', 8])
        .trimmed('e1', 8)
        .got('e1', [9, 12]),
    trimming,
    ['I8'],
  ],
  [
    'is told that something was lost, and nothing was',
    () => read().epochs(['e1', 0, 10]).connects().gap('lost', [8, 9], ['e1', 9]).got('e1', 10),
    lossy,
    ['I4', 'I8'],
  ],
  [
    'is taken more from than there ever was',
    () => failedOver().connects().gap('truncated', [8, 11], ['e2', 7]).got('e2', [8, 12]),
    lossy,
    ['I8'],
  ],
  [
    'is told of one loss in two pieces',
    () =>
      failedOver()
        .connects()
        .gap('truncated', [8, 9], ['e1', 7])
        .gap('lost', [10, 10], ['e2', 7])
        .got('e2', [8, 12]),
    lossy,
    ['I8'],
  ],
  [
    'is not told of an acknowledged loss',
    () => failedOver().connects().got('e2', [8, 12]),
    lossy,
    ['I6'],
  ],
  [
    'is told of a part of the loss',
    () => failedOver().connects().gap('lost', [8, 9], ['e2', 7]).got('e2', [8, 12]),
    lossy,
    ['I6'],
  ],
];
describe('a plain client that comes back', () => {
  for (const [name, tale, expect] of good) {
    it(`passes: ${name}`, () => assert.deepEqual(tale().breaks(expect), []));
  }

  for (const [name, tale, expect, invariants] of bad) {
    it(`flags: ${name}`, () => assert.deepEqual(tale().breaks(expect), invariants));
  }

  it('is as exact as an application while it stays', () => {
    for (const tap of ['app', 'wire'] as const) {
      const whole = failedOver(tap).gap('truncated', [8, 10], ['e2', 7]).got('e2', [8, 12]);
      assert.deepEqual(whole.breaks(lossy), [], tap);
      const less = failedOver(tap).gap('truncated', [8, 9], ['e2', 7]).got('e2', [8, 12]);
      assert.deepEqual(less.breaks(lossy), ['I6', 'I8'], tap);
      const silent = failedOver(tap).got('e2', [8, 12]);
      assert.deepEqual(silent.breaks(lossy), ['I6'], tap);
      const early = failedOver(tap).gap('lost', [8, 10], ['e2', 7]).got('e2', [8, 12]);
      assert.deepEqual(early.breaks(lossy), ['I8'], tap);
    }
  });
});

describe('a restart of which the replica that takes over has not heard', () => {
  /** Ten messages, and a restart behind them. */
  const restarted = (tap: Tap) => read(tap).epochs(['e1', 0, 10], ['e2', 10, 10]);
  /** Two more, and then a failover that kept seven. */
  const lost = (tap: Tap) =>
    restarted(tap)
      .wrote('e2', [11, 12])
      .got('e2', [11, 12])
      .epochs(['e1', 0, 7], ['e2', 7, 7], ['e3', 7, 9])
      .wrote('e3', [8, 9]);

  it('is no loss where nothing was published in between', () => {
    for (const tap of ['app', 'wire'] as const) {
      const level = () =>
        restarted(tap).epochs(['e1', 0, 10], ['e2', 10, 10], ['e3', 10, 11]).wrote('e3', 11);
      assert.deepEqual(level().got('e3', 11).breaks(lossy), [], tap);
      const told = level().gap('truncated', [10, 10], ['e3', 10]).got('e3', 11);
      assert.deepEqual(told.breaks(lossy), ['I8'], tap);
    }
  });

  it('takes back what came before it and what came after it', () => {
    for (const tap of ['app', 'wire'] as const) {
      const whole = lost(tap).gap('truncated', [8, 12], ['e3', 7]).got('e3', [8, 9]);
      assert.deepEqual(whole.breaks(lossy), [], tap);
      const later = lost(tap).gap('truncated', [11, 12], ['e3', 7]).got('e3', [8, 9]);
      assert.deepEqual(later.breaks(lossy), ['I6', 'I8'], tap);
      const earlier = lost(tap).gap('truncated', [8, 10], ['e3', 7]).got('e3', [8, 9]);
      assert.deepEqual(earlier.breaks(lossy), ['I6', 'I8'], tap);
      assert.deepEqual(lost(tap).got('e3', [8, 9]).breaks(lossy), ['I6'], tap);
    }
  });
});

describe('a message that a failover lost and that was written again', () => {
  /** It was e1:8, became e2:8, and a restart has ended e2 since. */
  const rewritten = (tap: Tap) =>
    new Tale(tap)
      .epochs(['e1', 0, 0])
      .begins('e1', 0)
      .wrote('e1', [1, 8])
      .got('e1', [1, 8])
      .epochs(['e1', 0, 7], ['e2', 7, 8])
      .gap('truncated', [8, 8], ['e2', 7])
      .wrote('e2', 8, 'e1/8')
      .epochs(['e1', 0, 7], ['e2', 7, 8], ['e3', 8, 9])
      .wrote('e3', 9);

  it('need not come again to an application that had it, even across the end of an epoch', () => {
    assert.deepEqual(rewritten('app').got('e3', 9).breaks(lossy), []);
  });

  it('must come to a plain client, and to an application that subscribed since', () => {
    assert.deepEqual(rewritten('wire').got('e3', 9).breaks(lossy), ['I6']);
    const again = rewritten('wire').got('e2', 8, 'e1/8').got('e3', 9);
    assert.deepEqual(again.breaks(lossy), []);
  });
});

it('nothing may come from behind the end of the log', () => {
  for (const tap of ['app', 'wire'] as const) {
    const tale = new Tale(tap).epochs(['e1', 0, 1]).begins('e1', 0).wrote('e1', [1, 2]);
    assert.deepEqual(tale.got('e1', [1, 2]).breaks(strict), ['I1'], tap);
  }
});
