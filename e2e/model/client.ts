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
  const covered = named(state, gap).reduce((bits, { id }) => bits | bit(id), state.client.covered);
  return { ...state, broken, client: { ...state.client, covered, cursor: gap.position } };
}

function named({ written }: State, { names }: Gap): Written[] {
  return written.filter((_, index) => (names & (1 << index)) !== 0);
}

function falseness(state: State, gap: Gap, scope: Scope): string | undefined {
  const { client } = state;
  if (gap.from === 0) {
    return mayForget(state, scope) ? undefined : `${gap.reason} without any reason`;
  }
  const has = (bits: number) => (place: Written) => (bits & bit(place.id)) !== 0;
  for (let seq = gap.from; seq <= gap.to; seq += 1) {
    const places = named(state, gap).filter((place) => place.seq === seq);
    if (places.length === 0) return `${gap.reason} ${seq}, which is there or never was`;
    if (gap.reason === 'truncated' && seq === gap.from) {
      if (!places.some(has(client.got | client.covered))) return `${seq} was never had`;
    }
    if (gap.reason !== 'lost' || scope.session) continue;
    const had = places.filter(has(client.got)).filter((place) => onlyThere(state, place));
    if (had.length === places.length) return `lost ${seq}, which it has`;
  }
  return undefined;
}

/** `expired` and `epoch_unknown` say that nobody knows: of old, or who knew it is dead. */
function mayForget({ time, left }: State, { faults }: Scope): boolean {
  return time >= 2 || left.deaths < (faults.deaths ?? 0);
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
export function missed(state: State, scope: Scope): string | undefined {
  const { client, written } = state;
  const { cursor, got, covered } = client;
  for (const place of written) {
    const passed = place.epoch < cursor.epoch || isBefore(place, cursor);
    if (!place.acked || !passed || ((got | covered) & bit(place.id)) !== 0) continue;
    const at = `${place.epoch}:${place.seq}`;
    return `message ${place.id}, acknowledged at ${at}, is missing without a gap`;
  }
  const untold = written.find((place) => place.lost && isUntold(state, place, scope));
  return untold && `message ${untold.id} was given, was lost by a failover, and no gap says so`;
}

function isUntold(state: State, place: Written, { session }: Scope): boolean {
  const { cursor, got, covered } = state.client;
  const given = (got & ~covered & bit(place.id)) !== 0;
  // Back before the topic's birth: a session's cursor may just be old.
  const back = cursor.epoch === 0 && session !== true;
  const left = (place.epoch < cursor.epoch || back) && (place.heirs & (1 << cursor.epoch)) === 0;
  return given && left && onlyThere(state, place);
}
