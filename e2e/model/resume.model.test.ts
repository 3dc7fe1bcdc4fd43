import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Rules, rules } from './rules.ts';
import { type Counterexample, search } from './search.ts';
import type { Scope } from './state.ts';

const scopes = {
  failover: { messages: 3, page: 2, faults: { failovers: 1 } },
  failoverAway: { messages: 2, page: 1, faults: { failovers: 1, disconnects: 1 } },
  twice: { messages: 2, page: 2, faults: { failovers: 2 } },
  restart: { messages: 2, page: 2, faults: { failovers: 1, restarts: 1 } },
  restartAway: { messages: 1, page: 2, faults: { failovers: 1, restarts: 2, disconnects: 1 } },
  death: { messages: 2, page: 2, faults: { failovers: 1, unknowns: 1, deaths: 1 } },
  bell: { messages: 3, page: 2, faults: { drops: 1, repeats: 1, disconnects: 1 } },
  trim: { messages: 3, page: 2, faults: { trims: 2, drops: 1, disconnects: 1 } },
  pages: { messages: 4, page: 1, faults: { trims: 1, disconnects: 1 } },
  expiry: { messages: 2, page: 2, faults: { ticks: 3, disconnects: 1 } },
  expiryAndFailover: { messages: 2, page: 2, faults: { ticks: 2, failovers: 1 } },
  session: { messages: 3, page: 2, session: true, faults: { disconnects: 2 } },
  sessionAndFailover: {
    ...{ messages: 2, page: 2, session: true },
    faults: { disconnects: 1, failovers: 1 },
  },
  retry: { messages: 2, page: 2, faults: { failovers: 1, unknowns: 1 } },
} satisfies Record<string, Omit<Scope, 'name'>>;

type ScopeName = keyof typeof scopes;

/** Where each rule, once broken, must show. */
const mutants: Record<keyof Rules, ScopeName> = {
  lineageMakesEpoch: 'failover',
  limitNotLower: 'failover',
  limitNotHigher: 'failover',
  truncationIsTold: 'failover',
  knownIsTold: 'failover',
  settleFirst: 'failover',
  ackedIsReported: 'failover',
  expiredIsNotReported: 'expiryAndFailover',
  lostEpochJoinsChain: 'twice',
  originIsReported: 'restart',
  pastIsReported: 'restartAway',
  holeIsProven: 'trim',
  bellHoleIsRepaired: 'bell',
  bellRepeatIsDropped: 'bell',
  bellEpochIsChecked: 'failover',
  headIsProbed: 'bell',
  joinAtHead: 'pages',
  joinInEpoch: 'failoverAway',
  placeZeroIsAsked: 'expiry',
  retryIsIdempotent: 'retry',
  idIsDropped: 'retry',
  savedByPong: 'session',
  oldCursorExpires: 'expiry',
  worldLineageIsChecked: 'death',
  worldCursorAges: 'expiry',
  birthIsFresh: 'expiry',
};

function explain(name: string, { wrong, trace }: Counterexample): string {
  return [`${name}: ${wrong}, after`, ...trace].join('\n  ');
}

for (const name of Object.keys(scopes) as ScopeName[]) {
  test(`every acknowledged message arrives once or is named by a true gap: ${name}`, (context) => {
    const { states, steps, counterexample } = search({ name, ...scopes[name] }, rules);
    context.diagnostic(`${name}: ${states} states, ${steps} steps`);
    if (counterexample !== undefined) assert.fail(explain(name, counterexample));
    assert.ok(states > 1_000, `${states} states are too few to mean anything`);
  });
}

for (const [rule, name] of Object.entries(mutants) as [keyof Rules, ScopeName][]) {
  test(`without the rule ${rule} there is a counterexample`, (context) => {
    const result = search({ name, ...scopes[name] }, { ...rules, [rule]: false });
    assert.ok(result.counterexample, `nothing goes wrong in ${result.states} states of ${name}`);
    const { wrong, trace } = result.counterexample;
    assert.ok(trace.length > 0);
    context.diagnostic(`${rule}: ${wrong}, after ${trace.length} steps`);
  });
}
