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
  type State,
  type Stored,
  samePlace,
} from './state.ts';

/** Every script begins with this: a lineage that is not the recorded one ends the epoch. */
export function touch(state: State, rules: Rules): State {
  const { log, lineage, time } = state;
  if (log.lineage === lineage || !rules.lineageMakesEpoch) return state;
  const world = state.epochs + 1;
  const changed = { ...state, world, worldChanged: time };
  const unreported = 3;
  if (!log.born) {
    return { ...changed, epochs: world, log: { ...log, lineage, unreported, epoch: world } };
  }
  const limit = log.entries.length;
  const ended: Link = { epoch: log.epoch, limit, known: limit };
  const epoch = world + 1;
  const chain = [...log.chain, ended];
  return { ...changed, epochs: epoch, log: { ...log, lineage, unreported, epoch, chain } };
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
        { id, epoch: entry.epoch, seq: entry.seq, at: time, acked: false, lost: false },
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
  const known = pod === PRODUCER ? ackedPlaces(state, rules) : [state.told];
  const alive = (place: Cursor) => place.confirmed > before.time - 2 || !rules.expiredIsNotReported;
  if (known.some((place) => place.seq > 0 && alive(place))) state = birth(state, rules);
  let { log } = state;
  for (const place of log.born ? known : []) {
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

function withLostEpoch(log: Log, { epoch, seq }: Cursor): Log {
  const at = log.chain.findLastIndex((link) => link.epoch < epoch) + 1;
  const limit = log.chain[at - 1]?.limit ?? 0;
  if (epoch === log.epoch || seq <= limit) return log;
  const lost: Link = { epoch, limit, known: seq };
  return { ...log, chain: [...log.chain.slice(0, at), lost, ...log.chain.slice(at)] };
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
  if (index < 0) return broken(state, from, 'epoch_unknown');
  if (index === 0 && rules.worldCursorAges && from.confirmed <= log.birth - 2) {
    return broken(state, from, 'expired');
  }
  const steps: Frame[] = [];
  let cursor = from;
  for (; index < all.length; index += 1) {
    const last = index === all.length - 1;
    const link = all[index] as Link;
    const limit = link.limit + (last ? 0 : shift(rules));
    if (cursor.seq < limit) cursor = replay(log, cursor, { limit, page, steps, rules });
    if (cursor.seq < limit) break;
    const next = all[index + 1]?.epoch ?? cursor.epoch;
    cursor = leave(
      cursor,
      { ...link, limit, known: last ? 0 : link.known },
      { next, steps, rules },
    );
  }
  const caughtUp = samePlace(cursor, headOf(log, time));
  return { steps, cursor: caughtUp ? { ...cursor, confirmed: time } : cursor };
}

export interface Reading {
  readonly page: number;
  readonly rules: Rules;
}

function shift(rules: Rules): number {
  if (!rules.limitNotLower) return -1;
  return rules.limitNotHigher ? 0 : 1;
}

/** Without meta: was there anything after the cursor that is gone by now? */
function withoutMeta(state: State, from: Cursor, rules: Rules): Page {
  const { log, time, worldChanged } = state;
  const oldest = rules.oldCursorExpires ? time - 2 : time - 3;
  if (from.confirmed <= oldest) return broken(state, from, 'expired');
  const unsure = from.epoch !== log.epoch && from.confirmed <= worldChanged;
  if (unsure && rules.worldLineageIsChecked) return broken(state, from, 'epoch_unknown');
  return { steps: [], cursor: headOf(log, time) };
}

function broken(state: State, from: Cursor, reason: Gap['reason']): Page {
  const position = headOf(state.log, state.time);
  const writes = state.written.length;
  const gap: Gap = { reason, epoch: from.epoch, from: 0, to: 0, position, writes };
  return { steps: [{ kind: 'gap', gap }], cursor: position };
}

interface Walk {
  readonly steps: Frame[];
  readonly rules: Rules;
}

function replay(
  log: Log,
  from: Cursor,
  { limit, page, steps, rules }: Walk & { limit: number; page: number },
): Cursor {
  let cursor = from;
  const floor = Math.min(log.floor, limit);
  if (cursor.seq < floor) {
    cursor = { ...cursor, seq: floor };
    const gap = { reason: 'trimmed', epoch: from.epoch, from: from.seq + 1, to: floor } as const;
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

/** Out of an epoch that is over. What is between two gaps is not a place to resume from. */
function leave(
  cursor: Cursor,
  link: Link,
  { next, steps, rules }: Walk & { next: number },
): Cursor {
  const { limit, known } = link;
  const after = { epoch: next, seq: limit, confirmed: cursor.confirmed };
  const lost = rules.knownIsTold && known > Math.max(limit, cursor.seq);
  const { epoch } = cursor;
  if (cursor.seq > limit && rules.truncationIsTold) {
    const range = { from: limit + 1, to: cursor.seq, position: lost ? cursor : after };
    steps.push({ kind: 'gap', gap: { reason: 'truncated', epoch, ...range } });
  }
  if (lost) {
    const range = { from: Math.max(limit, cursor.seq) + 1, to: known, position: after };
    steps.push({ kind: 'gap', gap: { reason: 'lost', epoch, ...range } });
  }
  return after;
}
