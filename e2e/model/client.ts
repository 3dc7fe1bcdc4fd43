import type { Rules } from './rules.ts';
import type { Cursor, Entry, Gap, Scope, State, Written } from './state.ts';

interface Protocol {
  readonly scope: Scope;
  readonly rules: Rules;
}

const bit = (id: number): number => 1 << id;

/** The client takes the next frame off the wire; the oracle looks over its shoulder. */
export function receive(state: State, protocol: Protocol): State | undefined {
  const [frame, ...wire] = state.wire;
  if (frame === undefined || !state.client.connected) return undefined;
  const rest = { ...state, wire };
  if (frame.kind === 'gap') return receiveGap(rest, frame.gap, protocol);
  return receiveEntry(rest, frame.entry, protocol);
}

function receiveEntry(state: State, entry: Entry, { scope, rules }: Protocol): State {
  const { client } = state;
  const { cursor, got } = client;
  if (entry.epoch === cursor.epoch && entry.seq !== cursor.seq + 1) {
    return { ...state, broken: `${entry.epoch}:${entry.seq} came after ${cursor.seq}` };
  }
  const moved: Cursor = { epoch: entry.epoch, seq: entry.seq, confirmed: entry.at };
  const seen = (got & bit(entry.id)) !== 0;
  if (seen && !scope.session) {
    // A retry after a failover has a new number; in one epoch nothing comes twice.
    const elsewhere = entry.epoch !== cursor.epoch || wroteElsewhere(state, entry);
    if (!rules.idIsDropped || !elsewhere) {
      return { ...state, broken: `message ${entry.id} came twice` };
    }
  }
  if (!seen && got >= bit(entry.id)) {
    return { ...state, broken: `message ${entry.id} came after a later one` };
  }
  return { ...state, client: { ...client, cursor: moved, got: got | bit(entry.id) } };
}

function wroteElsewhere({ written }: State, { id, epoch }: Entry): boolean {
  return written.some((place) => place.id === id && place.epoch !== epoch);
}

function receiveGap(state: State, gap: Gap, { scope }: Protocol): State {
  const broken = falseness(state, gap, scope);
  const named = state.written.filter((place, index) => names(gap, place, index));
  const covered = named.reduce((bits, { id }) => bits | bit(id), state.client.covered);
  return { ...state, broken, client: { ...state.client, covered, cursor: gap.position } };
}

/** Without a range a gap stands for everything that was written until it was made. */
function names({ epoch, from, to, position, writes }: Gap, place: Written, index: number): boolean {
  if (from > 0) return place.epoch === epoch && place.seq >= from && place.seq <= to;
  const follows = place.epoch === position.epoch && place.seq > position.seq;
  return index < (writes ?? 0) && !follows;
}

function falseness(state: State, gap: Gap, scope: Scope): string | undefined {
  const { log, client, written } = state;
  if (gap.from === 0) return mayForget(state) ? undefined : `${gap.reason} without any reason`;
  for (let seq = gap.from; seq <= gap.to; seq += 1) {
    const place = written.find((at) => at.epoch === gap.epoch && at.seq === seq);
    if (place === undefined) return `${gap.reason} ${gap.epoch}:${seq}, which never was`;
    const kept = seq > log.floor && log.entries[seq - 1]?.epoch === gap.epoch;
    if (kept) return `${gap.reason} ${gap.epoch}:${seq}, which is there`;
    const unseen = ((client.got | client.covered) & bit(place.id)) === 0;
    const unsure = scope.session === true;
    if (gap.reason === 'truncated' && unseen) return `truncated ${seq}, which it never had`;
    const had = (client.got & bit(place.id)) !== 0;
    if (gap.reason === 'lost' && had && !unsure && onlyThere(state, place)) {
      return `lost ${seq}, which it has`;
    }
  }
  return undefined;
}

/** `expired` and `epoch_unknown` say that the log cannot know; these are the ways to that. */
function mayForget({ lineage, time }: State): boolean {
  return lineage > 1 || time >= 2;
}

function onlyThere({ written }: State, { id }: Written): boolean {
  return written.filter((place) => place.id === id).length === 1;
}

function isBefore(place: Written, cursor: Cursor): boolean {
  return place.epoch === cursor.epoch && place.seq <= cursor.seq;
}

/**
 * The promise: of everything that was acknowledged up to the client's cursor, each message was
 * given to the application or named by a gap; and a gap names what was given and then lost.
 */
export function missed(state: State): string | undefined {
  const { client, written } = state;
  const { cursor, got, covered } = client;
  for (const place of written) {
    const passed = place.epoch < cursor.epoch || isBefore(place, cursor);
    if (!place.acked || !passed || ((got | covered) & bit(place.id)) !== 0) continue;
    const at = `${place.epoch}:${place.seq}`;
    return `message ${place.id}, acknowledged at ${at}, is missing without a gap`;
  }
  const untold = written.find((place) => place.lost && isUntold(state, place));
  return untold && `message ${untold.id} was given, was lost by a failover, and no gap says so`;
}

function isUntold(state: State, place: Written): boolean {
  const { cursor, got, covered } = state.client;
  const given = (got & ~covered & bit(place.id)) !== 0;
  return given && place.epoch < cursor.epoch && onlyThere(state, place);
}
