import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { tell } from '../history/story.ts';
import { type Figures, vacuity } from '../history/verdict.ts';
import { LoadCounts } from '../load/counts.ts';
import { atMostMs, holds } from './demands.ts';
import { type Ended, type Judgement, judged } from './judgement.ts';
import { type Run, resumedWithin } from './judges.ts';
import type { Row } from './row.ts';
import { rows } from './rows.ts';
import { tableOf } from './table.ts';

const LONG_MS = 60_000;

/** Nothing was lost, nobody waited. */
const calm: Figures = {
  ...{ published: 100, acknowledged: 100, unknown: 0, deliveries: 1_000 },
  ...{ perPhase: [400, 300, 300], wireDuplicates: 0, gaps: {}, falseGaps: 0 },
  ...{ ackedLost: 0, signalled: 0, silent: 0, reconnects: 0, longestSilenceMs: 0, catchUpMs: 0 },
  ...{ publishOutageMs: 0, recoveryMs: { p50: 0, p99: 0, max: 0 } },
};

const measured = {
  held: 100,
  rss: 100,
  restartMs: 500,
  detectionMs: 500,
  cutOffMs: 500,
  awayMs: 500,
  ...{
    stayed: 0,
    share: 25,
    needless: 0,
    rings: 3,
    disturbed: 0,
    conflicts: 0,
    taken: 0,
    redirects: 1,
    moves: 3,
    ...{ changes: 0, aliveMs: 20, more: 0, short: 0, beyond: 1, backMs: 2_000, behind: 0 },
  },
};

function run(figures: Partial<Figures> = {}, spoil: (counts: LoadCounts) => void = () => {}): Run {
  const counts = new LoadCounts();
  spoil(counts);
  return { figures: { ...calm, ...figures }, counts, evidence: measured, busyMs: 0 };
}

/** The same with other evidence. */
const seen = (evidence: Run['evidence']): Run => ({
  ...run(),
  evidence: { ...measured, ...evidence },
});

type Judged = readonly [good: Run, bad: Readonly<Record<string, Run>>];

const wait = (ms: number) => ({ p50: 0, p99: ms, max: ms });
const gap = { 'a gap that was not due': run({ gaps: { trimmed: 1 } }) };
const late = {
  'publishers waited too long': run({ publishOutageMs: LONG_MS }),
  'a client waited too long': run({ recoveryMs: { p50: 0, p99: 0, max: LONG_MS } }),
};
const unhurried = {
  'one client in fifty waited too long': run({ recoveryMs: wait(LONG_MS) }),
  'somebody was level too late': run({ catchUpMs: LONG_MS }),
};
const lost = { ackedLost: 3 };
const losing = (more: Readonly<Record<string, Run>> = {}): Judged => [
  run(lost),
  { 'nothing was lost': run(), 'a loss was silent': run({ ...lost, silent: 1 }), ...more },
];
const lateLoss = {
  'publishers waited too long': run({ ...lost, publishOutageMs: LONG_MS }),
  'a client waited too long': run({ ...lost, recoveryMs: wait(LONG_MS) }),
};
const silent = { 'a loss was silent': run({ silent: 1 }) };
const forgetful: Judged = [run({ gaps: { epoch_unknown: 6 } }), { 'nobody was told': run() }];
const trimmed: Judged = [
  run({ gaps: { trimmed: 3 } }),
  { 'nobody was told': run(), 'something else was told': run({ gaps: { lost: 3 } }) },
];
const undisturbed: Judged = [run(), gap];
const noticed = {
  ...gap,
  'a client that can move was not connected': run({}, (counts) => {
    counts.interrupted = 1;
  }),
};

const unclean = {
  'a connection broke': run({}, (counts) => counts.closed(1006)),
  'a plain client had something twice': run({ wireDuplicates: 1 }),
  'a publish was not answered': run({}, (counts) => {
    counts.askedAgain = 1;
  }),
};

const ringed: Judged = [
  run(),
  {
    ...gap,
    'two rings were of one version': seen({ conflicts: 1 }),
    'somebody else was disturbed': seen({ disturbed: 1 }),
  },
];

/** What each row's own judge takes, and what it must refuse. */
const judgements: Readonly<Record<string, Judged>> = {
  1: [run(), { ...gap, ...unhurried }],
  2: [run(), { ...gap, ...unhurried, ...unclean }],
  '1p': [run(), { ...gap, ...unhurried }],
  '2n': [run(), { ...gap, 'a client stayed to the end': seen({ behind: 1 }) }],
  '2p': [run(), { ...noticed, 'a connection broke': unclean['a connection broke'] }],
  '2m': [run(), { ...noticed, ...unclean, 'a client stayed to the end': seen({ stayed: 1 }) }],
  5: [
    run(),
    {
      ...noticed,
      'somebody was disconnected': run({}, (counts) => {
        counts.reconnects = 1;
      }),
      'too many moved': seen({ share: 36 }),
      'one moved that belonged where it was': seen({ needless: 1 }),
    },
  ],
  6: [
    run(),
    {
      ...noticed,
      'a connection broke': unclean['a connection broke'],
      'a ring too many': seen({ rings: 4 }),
    },
  ],
  '6s': [
    run(),
    {
      ...noticed,
      'a connection broke': unclean['a connection broke'],
      'one moved that belonged where it was': seen({ needless: 1 }),
      'shards moved that could have stayed': seen({ beyond: 2 }),
    },
  ],
  '2c': [
    run(),
    { ...gap, ...unhurried, 'one that had gone was disturbed': seen({ disturbed: 1 }) },
  ],
  7: [
    run(),
    {
      ...gap,
      'a client was sent on twice': seen({ redirects: 2 }),
      'a client was sent about': seen({ moves: 5 }),
      'one that kept its connection was disturbed': seen({ disturbed: 1 }),
    },
  ],
  8: [
    run(),
    {
      ...gap,
      'a client was sent on twice': seen({ redirects: 2 }),
      'one that kept its connection was disturbed': seen({ disturbed: 1 }),
    },
  ],
  9: [
    run(),
    {
      ...noticed,
      'a client went': run({}, (counts) => {
        counts.moves = 1;
      }),
      'an older ring was taken': seen({ taken: 1 }),
    },
  ],
  10: [run(), noticed],
  11: undisturbed,
  12: [
    run(),
    {
      ...noticed,
      'somebody was disconnected': run({}, (counts) => {
        counts.reconnects = 1;
      }),
      'it lost its shards': seen({ changes: 1 }),
      'it was taken for dead': seen({ aliveMs: LONG_MS }),
      'a publish was tried three times': seen({ more: 1 }),
    },
  ],
  13: undisturbed,
  '13f': undisturbed,
  '13r': [
    run(),
    {
      ...gap,
      'somebody else was disturbed': seen({ disturbed: 1 }),
      'it did not get all of its share back': seen({ short: 2 }),
    },
  ],
  18: ringed,
  '18k': ringed,
  23: [run(), { ...gap, ...late }],
  24: losing(),
  25: losing(lateLoss),
  '25u': losing(),
  '25r': [run(), { ...silent, 'something replicated was lost': run(lost) }],
  26: [run(), { ...silent, ...late }],
  '26t': [run(), silent],
  28: [
    run({}, (counts) => {
      counts.failed = 3;
    }),
    {
      'no publish failed': run(),
      'a publish was unknown': run({}, (counts) => {
        counts.failed = 3;
        counts.unknown = 1;
      }),
    },
  ],
  '28s': [run(), silent],
  29: undisturbed,
  '31a': forgetful,
  '31b': trimmed,
  '31c': forgetful,
  '31d': losing(),
  33: [run(), { ...gap, ...late }],
  '33t': trimmed,
  34: undisturbed,
  35: [run(), { ...gap, ...late }],
  37: trimmed,
  39: [
    run(),
    {
      ...gap,
      'a publish failed': run({}, (counts) => {
        counts.failed = 1;
      }),
      'a publish was unknown': run({}, (counts) => {
        counts.unknown = 1;
      }),
    },
  ],
  41: undisturbed,
  42: undisturbed,
  51: [
    run(),
    {
      ...gap,
      'memory stayed': { ...run(), evidence: { held: 111, rss: 100 } },
      'resident memory stayed': { ...run(), evidence: { held: 100, rss: 111 } },
    },
  ],
  '51r': [
    run(),
    {
      ...gap,
      'who came back waited too long': seen({ backMs: LONG_MS + 1 }),
      'a client was sent on twice': seen({ redirects: 2 }),
      'one that kept its connection was disturbed': seen({ disturbed: 1 }),
    },
  ],
  60: undisturbed,
  65: undisturbed,
};

const refusals = (row: Row, one: Run) => (row.judge?.(one) ?? []).filter((each) => !holds(each));

describe('the judge of each row', () => {
  for (const row of rows.filter(({ judge }) => judge !== undefined)) {
    it(`${row.row} takes a good run and refuses: ${row.title}`, () => {
      const [good, bad] = judgements[row.row] ?? assert.fail('no run is known that it refuses');
      assert.deepEqual(refusals(row, good), []);
      for (const [what, one] of Object.entries(bad)) {
        assert.equal(refusals(row, one).length, 1, what);
      }
      const timed = row.judge?.(run({ publishOutageMs: 1 })) ?? [];
      if (!timed.some(({ what }) => what.startsWith('publish outage'))) return;
      const unmeasured = refusals(row, { ...good, evidence: {} });
      assert.equal(unmeasured.length, 2, 'nothing says how long it took');
    });
  }

  it('asks for evidence, and refuses a run that shows less of any of it', () => {
    for (const { row, bites } of rows) {
      const fault = { kind: 'fault', fault: row, target: 'all', start: 1, end: 2 } as const;
      const reasons = (evidence: Run['evidence']) =>
        vacuity([{ ...fault, evidence }], [1, 1, 1], { perPhase: 1, evidence: bites });
      assert.ok(Object.keys(bites).length > 0, row);
      assert.deepEqual(reasons(bites), []);
      for (const [name, count] of Object.entries(bites)) {
        assert.ok(count > 0, `${row}: ${name}`);
        const less = reasons({ ...bites, other: 1, [name]: count - 1 });
        assert.deepEqual(less, [`${row}: ${name} is ${count - 1}, not ${count}`]);
      }
    }
  });
});

describe('the judgement of a run', () => {
  const row: Row = {
    row: '0',
    title: 'test',
    store: 'memory',
    bites: { reconnects: 1 },
    inject: async () => ({ reconnects: 1 }),
  };
  const silence = { what: 'silence', measured: 1, is: 'at most', bound: 1 } as const;
  const records = tell({ topics: 2, subscribers: 4, messages: 12 });
  const evidence = { reconnects: 1 };
  const counts = new LoadCounts();
  const well = { stuck: [], late: [], besides: [] };
  const ended: Ended = { records, counts, evidence, ...well, perPhase: 96, busyMs: 0 };
  const complaints = (changes: Partial<Ended>, of = row) =>
    judged(of, { ...ended, ...changes }).complaints;

  it('is a pass when nothing is to be complained about', () => {
    const { verdict, demands } = judged(row, ended);
    assert.deepEqual(complaints({}), []);
    assert.ok(verdict.passed);
    assert.ok(demands.every(holds));
  });

  it('complains about what was stuck, violated, inconclusive, or not as the row asks', () => {
    const dropped = records.filter((record) => record.kind !== 'del' || record.seq !== 3);
    const cases: readonly (readonly [readonly string[], RegExp])[] = [
      [complaints({ stuck: ['a gateway ended'] }), /did not go as it must: a gateway ended/],
      [complaints({ records: dropped }), /I6 violated/],
      [complaints({ perPhase: 97 }), /inconclusive: 96 deliveries before/],
      [complaints({}, { ...row, bites: { reconnects: 2 } }), /reconnects is 1, not 2/],
      [complaints({}, { ...row, judge: () => [{ ...silence, bound: 0 }] }), /silence: 1, not at/],
    ];
    for (const [all, what] of cases) assert.match(all.join('\n'), what);
  });

  it('proves nothing where the fault did not bite and nothing else was wrong', () => {
    const twice = { ...row, bites: { reconnects: 2 } };
    const idle = judged(twice, ended);
    const stuck = judged(twice, { ...ended, stuck: ['a gateway ended'] });
    assert.deepEqual(
      [judged(row, ended), idle, stuck].map(({ provesNothing }) => provesNothing),
      [false, true, false],
    );
  });

  it('proves nothing where something was too late and nothing else was wrong', () => {
    const slow = { ...row, judge: () => [atMostMs('silence', 2, 1)] };
    const silent = { ...row, expect: { silenceMs: -1 } };
    const dropped = records.filter((record) => record.kind !== 'del' || record.seq !== 3);
    const late = { ...ended, late: ['not within 1 ms: a ring'] };
    const proves = (of: Row, run: Ended) => !judged(of, run).provesNothing;
    assert.deepEqual(
      [proves(row, late), proves(slow, ended), proves(silent, ended), proves(slow, late)],
      [false, false, false, false],
    );
    assert.deepEqual(
      [
        proves(slow, { ...ended, records: dropped }),
        proves(silent, { ...ended, records: dropped }),
        proves({ ...slow, judge: () => [{ ...silence, bound: 0 }] }, late),
        proves(slow, { ...late, stuck: ['a gateway ended'] }),
      ],
      [true, true, true, true],
    );
  });

  it('proves nothing, whatever it shows, where another fault came besides its own', () => {
    const dropped = records.filter((record) => record.kind !== 'del' || record.seq !== 3);
    for (const changes of [{}, { records: dropped }, { stuck: ['a gateway ended'] }]) {
      const judgement = judged(row, { ...ended, ...changes, besides: ['a second failover'] });
      assert.ok(judgement.provesNothing);
      assert.match(judgement.complaints[0] ?? '', /a second failover/);
    }
  });

  it('holds a busy machine to the invariants, and to bounds when it is asked twice', () => {
    const tooMuch = { ...row, judge: () => [{ ...silence, bound: 0 }] };
    const dropped = records.filter((record) => record.kind !== 'del' || record.seq !== 3);
    const proves = (changes: Partial<Ended>) =>
      !judged(tooMuch, { ...ended, ...changes }).provesNothing;
    assert.deepEqual(
      [proves({}), proves({ busyMs: 1 }), proves({ busyMs: 1, records: dropped })],
      [true, false, true],
    );
  });

  it('allows for a busy machine where the run says that it is one', () => {
    const late = { ...row, judge: (of: Run) => resumedWithin(of, -1) };
    const busy = judged(late, { ...ended, busyMs: 3_000 });
    assert.deepEqual(busy.complaints, []);
    assert.equal(judged(late, ended).complaints.length, 2);
    const silence = ({ demands }: Judgement) =>
      demands.find(({ what }) => what.startsWith('longest silence'))?.bound ?? Number.NaN;
    assert.equal(silence(busy) - silence(judged(late, ended)), 3_000);
  });

  it('is shown with every figure beside its bound', () => {
    const judge = () => [silence, { ...silence, what: 'recovery', bound: 0 }];
    const judgement = judged({ ...row, judge }, ended);
    const table = tableOf([{ row, seed: 1, evidence, seconds: 1, ...judgement }]);
    assert.match(table, /^0 +reconnects +1 +at least 1$/m);
    assert.match(table, /^0 +silence +1 +at most 1$/m);
    assert.match(table, /^0 +recovery +1 +at most 0 +NOT KEPT$/m);
    assert.match(table, /^0 +deliveries before +96 +at least 96$/m);
  });
});
