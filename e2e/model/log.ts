import type { Rules } from './rules.ts';
import {
  type Cursor,
  type Entry,
  type Frame,
  type Gap,
  headOf,
  type Link,
  type Log,
  type Page,
  PRODUCER,
  type Reach,
  type State,
  type Stored,
  samePlace,
  type Written,
} from './state.ts';

/** Every script begins with this: a lineage that is not the recorded one ends the epoch. */
export function touch(state: State, rules: Rules): State {
  const { log, lineage, time } = state;
  if (log.lineage === lineage || !rules.lineageMakesEpoch) return state;
  const changed = { ...state, worldChanged: time };
  const unreported = 3;
  if (!log.born) return { ...changed, log: { ...log, lineage, unreported } };
  const limit = log.entries.length;
  const ended: Link = { epoch: log.epoch, limit, known: limit };
  const epoch = state.epochs + 1;
  const chain = [...log.chain, ended];
  const written = state.written.map((place) =>
    isKept(log, place) ? { ...place, heirs: place.heirs | (1 << epoch) } : place,
  );
  const ending = { ...changed, epochs: epoch, written };
  return { ...ending, log: { ...log, lineage, unreported, epoch, chain } };
}

function birth(state: State, rules: Rules): State {
  if (state.log.born) return state;
  const epoch = rules.birthIsFresh ? state.epochs + 1 : 1;
  const log: Log = {
    ...state.log,
    born: true,
    epoch,
    chain: [{ epoch: state.log.epoch, limit: 0, known: 0 }],
    birth: state.time,
    lastPublish: state.time,
  };
  return { ...state, epochs: Math.max(epoch, state.epochs), log };
}

/** The publish script, without its answer. */
export function append(before: State, id: number, rules: Rules): { state: State; entry: Entry } {
  const state = birth(touch(before, rules), rules);
  const { log, time } = state;
  const found = log.entries.findIndex((entry) => entry.id === id);
  const existing = log.entries[found];
  if (existing !== undefined && rules.retryIsIdempotent) {
    return { state, entry: { ...existing, seq: found + 1 } };
  }
  const stored: Stored = { id, epoch: log.epoch, at: time };
  const entries = [...log.entries, stored];
  const entry: Entry = { ...stored, seq: entries.length };
  return {
    entry,
    state: {
      ...state,
      log: { ...log, entries, lastPublish: time },
      bell: [...state.bell, entry],
      written: [
        ...state.written,
        { id, epoch: entry.epoch, seq: entry.seq, at: time, acked: false, lost: false, heirs: 0 },
      ],
    },
  };
}

/**
 * A pod says what it knew of the epochs that are over. A report creates missing meta; and an epoch
 * that the surviving log never heard of joins the chain, in the order of time, with nothing left.
 */
export function report(before: State, pod: number, rules: Rules): State {
  let state = touch(before, rules);
  const known = pod === PRODUCER ? ackedPlaces(state, rules) : seenPlaces(state, rules);
  const alive = (place: Cursor) => place.confirmed > before.time - 2 || !rules.expiredIsNotReported;
  if (known.some((place) => place.epoch > 0 && alive(place))) state = birth(state, rules);
  let { log } = state;
  for (const place of log.born ? known : []) {
    if (place.epoch === 0) continue;
    if (log.chain.some(({ epoch }) => epoch === place.epoch)) log = withKnown(log, place);
    else if (alive(place) && rules.lostEpochJoinsChain) log = withLostEpoch(log, place);
  }
  return { ...state, log: { ...log, unreported: log.unreported & ~pod } };
}

function withKnown(log: Log, { epoch, seq }: Cursor): Log {
  const chain = log.chain.map((link) =>
    link.epoch === epoch ? { ...link, known: Math.max(link.known, seq) } : link,
  );
  return { ...log, chain };
}

function withLostEpoch(log: Log, { epoch, seq, origin }: Reach): Log {
  const at = log.chain.findLastIndex((link) => link.epoch < epoch) + 1;
  const parent = log.chain.find((link) => link.epoch === origin?.epoch);
  const before = (parent ?? log.chain[at - 1])?.limit ?? 0;
  const limit = parent === undefined ? before : Math.min(before, origin?.seq ?? 0);
  if (epoch === log.epoch || (parent === undefined && seq <= limit)) return log;
  const lost: Link = { epoch, limit, known: seq };
  return { ...log, chain: [...log.chain.slice(0, at), lost, ...log.chain.slice(at)] };
}

/** Where the current epoch began, by the oldest name that the place has. */
export function originOf({ chain }: Log): NonNullable<Reach['origin']> {
  const seq = Math.max(0, ...chain.map(({ limit }) => limit));
  return { epoch: chain.find(({ limit }) => limit === seq)?.epoch ?? 0, seq };
}

function seenPlaces({ told, past }: State, rules: Rules): Reach[] {
  const seen = rules.pastIsReported ? [...past, told] : [told];
  if (rules.originIsReported) return seen;
  return seen.map(({ epoch, seq, confirmed }) => ({ epoch, seq, confirmed }));
}

function ackedPlaces({ written }: State, rules: Rules): Cursor[] {
  const acked = written.filter((place) => place.acked && rules.ackedIsReported);
  return acked.map(({ epoch, seq, at }) => ({ epoch, seq, confirmed: at }));
}

/** The resume script: what a subscriber at `from` must see, and where it is then. */
export function resolve(state: State, from: Cursor, { page, rules }: Reading): Page {
  const { log, time } = state;
  if (!log.born) return withoutMeta(state, from, rules);
  const all = [...log.chain, { epoch: log.epoch, limit: log.entries.length, known: 0 }];
  let index = all.findIndex(({ epoch }) => epoch === from.epoch);
  if (index < 0) return broken(state, 'epoch_unknown');
  if (index === 0 && rules.worldCursorAges && from.confirmed <= log.birth - 2) {
    return broken(state, 'expired');
  }
  const walk: Walk = { state, page, steps: [], rules };
  let cursor = from;
  let lost: Lost | undefined;
  for (const start = index; index < all.length; index += 1) {
    const last = index === all.length - 1;
    const link = all[index] as Link;
    const limit = link.limit + (last ? 0 : shift(rules));
    if (cursor.seq < limit) {
      cursor = tellLost(cursor, lost, walk);
      lost = undefined;
      cursor = replay(cursor, limit, walk);
    }
    if (cursor.seq < limit) break;
    const had = index === start && rules.truncationIsTold ? from.seq : 0;
    const known = last || !rules.knownIsTold ? 0 : link.known;
    lost = joined(lost, { limit, to: Math.max(had, known), had: had > limit });
    const epoch = all[index + 1]?.epoch ?? cursor.epoch;
    cursor = { epoch, seq: limit, confirmed: cursor.confirmed };
  }
  cursor = tellLost(cursor, lost, walk);
  const caughtUp = samePlace(cursor, headOf(log, time));
  return { steps: walk.steps, cursor: caughtUp ? { ...cursor, confirmed: time } : cursor };
}

export interface Reading {
  readonly page: number;
  readonly rules: Rules;
}

interface Walk extends Reading {
  readonly state: State;
  readonly steps: Frame[];
}

/** What was lost behind one place, in however many epochs. */
interface Lost {
  readonly limit: number;
  readonly to: number;
  /** The subscriber had some of it. */
  readonly had: boolean;
}

function joined(before: Lost | undefined, { limit, to, had }: Lost): Lost | undefined {
  if (to <= limit) return before;
  if (before === undefined) return { limit, to, had };
  return { ...before, to: Math.max(before.to, to) };
}

function tellLost(position: Cursor, lost: Lost | undefined, { state, steps }: Walk): Cursor {
  if (lost === undefined) return position;
  const { to, had } = lost;
  const from = lost.limit + 1;
  const names = bitsOf(
    state,
    (place) => !isKept(state.log, place) && from <= place.seq && place.seq <= to,
  );
  const reason = had ? 'truncated' : 'lost';
  steps.push({ kind: 'gap', gap: { reason, from, to, position, names } });
  return position;
}

/** Also what was trimmed since. */
function isKept({ entries }: Log, { epoch, seq }: Written): boolean {
  return entries[seq - 1]?.epoch === epoch;
}

function bitsOf({ written }: State, named: (place: Written) => boolean): number {
  return written.reduce((bits, place, index) => (named(place) ? bits | (1 << index) : bits), 0);
}

function shift(rules: Rules): number {
  if (!rules.limitNotLower) return -1;
  return rules.limitNotHigher ? 0 : 1;
}

/** Without meta: was there anything after the cursor that is gone by now? */
function withoutMeta(state: State, from: Cursor, rules: Rules): Page {
  const { log, time, worldChanged } = state;
  const oldest = rules.oldCursorExpires ? time - 2 : time - 3;
  if (from.confirmed <= oldest) return broken(state, 'expired');
  const unsure = from.epoch !== log.epoch && from.confirmed <= worldChanged;
  if (unsure && rules.worldLineageIsChecked) return broken(state, 'epoch_unknown');
  return { steps: [], cursor: headOf(log, time) };
}

/** Without a range a gap stands for everything that was written until it was made. */
function broken(state: State, reason: Gap['reason']): Page {
  const position = headOf(state.log, state.time);
  const follows = (place: Written) => place.epoch === position.epoch && place.seq > position.seq;
  const names = bitsOf(state, (place) => !follows(place));
  const gap: Gap = { reason, from: 0, to: 0, position, names };
  return { steps: [{ kind: 'gap', gap }], cursor: position };
}

function replay(from: Cursor, limit: number, { state, page, steps, rules }: Walk): Cursor {
  const { log } = state;
  let cursor = from;
  const floor = Math.min(log.floor, limit);
  if (cursor.seq < floor) {
    cursor = { ...cursor, seq: floor };
    const names = bitsOf(
      state,
      (place) => isKept(log, place) && place.seq > from.seq && place.seq <= floor,
    );
    const gap = { reason: 'trimmed', from: from.seq + 1, to: floor, names } as const;
    if (rules.holeIsProven) steps.push({ kind: 'gap', gap: { ...gap, position: cursor } });
  }
  while (cursor.seq < limit && steps.length < page) {
    const stored = log.entries[cursor.seq];
    if (stored === undefined) return { ...cursor, seq: limit };
    const entry = { ...stored, seq: cursor.seq + 1 };
    steps.push({ kind: 'entry', entry });
    cursor = { epoch: entry.epoch, seq: entry.seq, confirmed: entry.at };
  }
  return cursor;
}
