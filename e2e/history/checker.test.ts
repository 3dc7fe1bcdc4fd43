import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { check } from './checker.ts';
import { type Corruption, corruptions } from './corruptions.ts';
import type { HistoryRecord } from './records.ts';
import { type Plot, tell } from './story.ts';
import { type Expectations, type Invariant, strict, type Verdict } from './verdict.ts';

const lenient: Expectations = { ...strict, perPhase: 10, silenceMs: 60_000 };
const small: Plot = { topics: 2, subscribers: 4, messages: 12 };

/** Each kind of history, with what its fault may do. */
const plots: readonly (readonly [string, Plot, Expectations])[] = [
  ['nothing went wrong', small, lenient],
  ['a failover lost messages', { ...small, lost: 5 }, { ...lenient, mayLose: true }],
  ['messages were trimmed', { ...small, trimmed: 5 }, { ...lenient, mayTrim: true }],
  ['a plain client resumed', { ...small, repeated: 3 }, lenient],
];

const summary = ({ violations, inconclusive }: Verdict) =>
  [...inconclusive, ...violations.map((found) => JSON.stringify(found))].slice(0, 5).join('\n');

describe('the history checker', () => {
  for (const [name, plot, expect] of plots) {
    it(`passes a good history: ${name}`, () => {
      const verdict = check(tell(plot), expect);
      assert.ok(verdict.passed, summary(verdict));
      assert.equal(verdict.figures.falseGaps, 0);
    });
  }

  it('counts what a failover lost and that each loss was signalled to everybody', () => {
    const { figures } = check(tell({ ...small, lost: 5 }), { ...lenient, mayLose: true });
    assert.equal(figures.ackedLost, 5 * 2);
    assert.equal(figures.signalled, 5 * 2 * 4);
    assert.equal(figures.silent, 0);
  });

  it('counts repeats on the wire of a resumed plain client', () => {
    const { figures } = check(tell({ ...small, repeated: 3 }), lenient);
    assert.equal(figures.wireDuplicates, 3 * 2 * 4);
  });

  it('does not let a failover lose what replicas acknowledged', () => {
    const history = tell({ ...small, lost: 5 }).map((record) =>
      record.kind === 'pub' ? { ...record, level: 'replicas' as const } : record,
    );
    assert.ok(check(history, { ...lenient, mayLose: true }).violated.has('I7'));
  });

  it('calls losses and trims violations where the fault may not cause them', () => {
    assert.ok(check(tell({ ...small, lost: 5 }), lenient).violated.has('I7'));
    assert.ok(check(tell({ ...small, trimmed: 5 }), lenient).violated.has('I8'));
  });

  it('asks for a gap when a history was wiped', () => {
    const first = tell(small);
    const wiped = first.map((record) => wipe(record));
    const told = [...first.slice(0, -1), ...wiped.filter((record) => record.kind !== 'sub')];
    const verdict = check(told, { ...lenient, mayForget: true });
    assert.ok(verdict.violated.has('I6'), summary(verdict));
  });

  it('takes an unranged gap when a history was wiped', () => {
    const first = tell(small);
    const gaps = first.flatMap((record): HistoryRecord[] => {
      if (record.kind !== 'sub') return [];
      const { t, subscriber, tap, topic } = record;
      const reason = 'epoch_unknown';
      return [{ kind: 'gap', t, subscriber, tap, topic, reason, epoch: 'e9', seq: 0 }];
    });
    const wiped = first.map((record) => wipe(record)).filter(({ kind }) => kind !== 'sub');
    const told = [...first.slice(0, -1), ...gaps, ...wiped];
    const verdict = check(told, { ...lenient, mayForget: true });
    assert.ok(verdict.passed, summary(verdict));
  });
});

describe('a client that the load held', () => {
  /** Two clients hear nothing for a hundred seconds; `held` says what the load says of it. */
  const silence = (...held: readonly HistoryRecord[]) => {
    const open = { kind: 'conn', t: 0, state: 'open' } as const;
    const heard = { kind: 'heard', t: 100e9, what: 'tick' } as const;
    const evidence = { reconnects: 1 };
    const records: HistoryRecord[] = [
      { ...open, subscriber: 'a' },
      { ...open, subscriber: 'b' },
      ...held,
      { ...heard, subscriber: 'a' },
      { ...heard, subscriber: 'b', t: 50e9 },
      { kind: 'fault', fault: 'test', target: 'all', start: 2e9, end: 3e9, evidence },
      { kind: 'quiet', t: 100e9, absent: [] },
    ];
    return check(records, { ...lenient, perPhase: 0 });
  };
  const hold = (subscriber: string, from: number, to?: number): HistoryRecord[] => [
    { kind: 'held', t: from * 1e9, subscriber, held: true },
    ...(to === undefined ? [] : [{ kind: 'held', t: to * 1e9, subscriber, held: false } as const]),
  ];

  it('may be silent meanwhile', () => {
    assert.ok(silence(...hold('a', 1, 99)).passed);
  });

  it('may not be silent before or after, nor may another', () => {
    for (const held of [[], hold('a', 80, 99), hold('a', 1, 20), hold('b', 1, 99)]) {
      const { violations } = silence(...held);
      const found = violations.map(({ invariant, subscriber }) => `${invariant} ${subscriber}`);
      assert.deepEqual(found, ['I9 a'], JSON.stringify(held));
    }
  });

  it('must be let go', () => {
    const [found] = silence(...hold('a', 1)).violations;
    assert.deepEqual(found, { invariant: 'I9', subscriber: 'a', detail: 'was held to the end' });
  });
});

describe('the figures of a fault', () => {
  const LATE = 5e9;
  const history = tell(small);
  const start = history.find((record) => record.kind === 'fault')?.start ?? 0;
  const waits = (records: readonly HistoryRecord[]) => {
    const { publishOutageMs, recoveryMs } = check(records, lenient).figures;
    return [publishOutageMs, recoveryMs.p50, recoveryMs.max];
  };
  /** What happened during the fault and after it happens later. */
  const delayed = (is: (record: HistoryRecord) => boolean) =>
    history.map((record): HistoryRecord => {
      if (!is(record)) return record;
      if (record.kind === 'pub' && record.inv > start) {
        return { ...record, inv: record.inv + LATE, ret: record.ret + LATE };
      }
      if (record.kind === 'fault') return { ...record, end: record.end + LATE };
      return 't' in record && record.t > start ? { ...record, t: record.t + LATE } : record;
    });

  it('are what everybody had to wait for', () => {
    assert.deepEqual(waits(history), [0, 0, 0]);
    assert.deepEqual(waits(delayed(() => true)), [5_000, 5_000, 5_000]);
  });

  it('tell of publishers alone, and of one client alone', () => {
    const publishing = (record: HistoryRecord) => record.kind === 'pub';
    assert.deepEqual(waits(delayed(publishing)), [5_000, 0, 0]);
    const first = (record: HistoryRecord) => 'subscriber' in record && record.subscriber === 's0';
    assert.deepEqual(waits(delayed(first)), [0, 0, 5_000]);
  });

  it('tell of a publisher that was never answered again', () => {
    const last = delayed((record) => record.kind === 'quiet');
    const cut = last.filter((record) => record.kind !== 'pub' || record.inv < start);
    assert.equal(waits(cut)[0], 5_000);
  });
});

/** The same happenings again, later, in a store that forgot everything. */
function wipe(record: HistoryRecord): HistoryRecord {
  const later = 't' in record ? { ...record, t: record.t + 1e9 } : { ...record };
  if (later.kind === 'pub') {
    const { inv, ret } = later;
    return {
      ...later,
      inv: inv + 1e9,
      ret: ret + 1e9,
      id: `${later.id}b`,
      epoch: 'e9',
      pn: later.pn + 1e6,
    };
  }
  if (later.kind === 'entry' || later.kind === 'del') {
    return { ...later, id: `${later.id}b`, epoch: 'e9' };
  }
  if (later.kind === 'fault') return { ...later, start: later.start + 1e9, end: later.end + 1e9 };
  if (later.kind !== 'lineage') return later;
  return { ...later, epochs: later.epochs.map((span) => ({ ...span, epoch: 'e9' })) };
}

/** Of each corruption, over all plots. */
const RUNS = 90;

function flags({ spoil, breaks }: Corruption, all: typeof plots): void {
  let applied = 0;
  // Each plot in its turn: by chance, the one that a corruption fits may come too rarely.
  for (const [, plot, expect] of all) {
    fc.assert(
      fc.property(fc.nat(), (seed) => {
        const spoilt = spoil(tell(plot), (count) => seed % count);
        if (spoilt === undefined) return;
        applied += 1;
        const { violated } = check(spoilt, expect);
        const found = breaks.some((invariant) => violated.has(invariant));
        assert.ok(found, `only ${[...violated.keys()].join(', ') || 'nothing'} was flagged`);
      }),
      { numRuns: Math.ceil(RUNS / all.length) },
    );
  }
  assert.ok(applied >= 10, `applied only ${applied} times`);
}

const asPlain = (history: readonly HistoryRecord[]): HistoryRecord[] =>
  history.map((record) => ('tap' in record ? { ...record, tap: 'wire' } : record));

const onTheWire =
  (spoil: Corruption['spoil']): Corruption['spoil'] =>
  (history, pick) => {
    const spoilt = spoil(history, pick);
    return spoilt === undefined ? undefined : asPlain(spoilt);
  };

describe('the checker of the checker', () => {
  for (const corruption of corruptions) {
    it(`flags: ${corruption.name}`, () => flags(corruption, plots));
    // It may get a message again, but in its place, and not within a connection.
    const again: Invariant[] = corruption.breaks.includes('I3') ? ['I1', 'I4'] : [];
    const breaks = [...corruption.breaks, ...again];
    const plain = { ...corruption, breaks, spoil: onTheWire(corruption.spoil) };
    it(`flags at a plain client: ${corruption.name}`, () => flags(plain, plots.slice(0, 3)));
  }

  it('calls a run inconclusive whose fault did not bite, or bit nobody', () => {
    const history = tell(small);
    const harmless = history.map((record) =>
      record.kind === 'fault' ? { ...record, evidence: { reconnects: 0 } } : record,
    );
    assert.match(check(harmless, lenient).inconclusive.join(), /nothing shows that it bit/);
    const calm = history.filter((record) => record.kind !== 'fault');
    assert.match(check(calm, lenient).inconclusive.join(), /no fault was recorded/);
    const few = check(history, { ...lenient, perPhase: 1_000 });
    assert.match(few.inconclusive.join(), /96 deliveries before the fault, not 1000/);
    for (const spoilt of [harmless, calm]) assert.equal(check(spoilt, lenient).passed, false);
    const more = check(history, { ...lenient, evidence: { reconnects: 2, cut: 1 } });
    assert.deepEqual(more.inconclusive, ['test: reconnects is 1, not 2', 'test: cut is 0, not 1']);
    assert.equal(more.passed, false);
    assert.ok(check(history, { ...lenient, evidence: { reconnects: 1 } }).passed);
  });

  it('judges a million deliveries in a few seconds', () => {
    const history = tell({ topics: 20, subscribers: 50, messages: 334, lost: 5 });
    const begin = performance.now();
    const verdict = check(history, { ...strict, mayLose: true });
    assert.ok(verdict.passed, summary(verdict));
    assert.ok(verdict.figures.deliveries > 1_000_000);
    assert.ok(performance.now() - begin < 15_000, `${performance.now() - begin} ms`);
  });
});
