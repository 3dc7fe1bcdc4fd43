import { receive } from './client.ts';
import { append, originOf, report, resolve, touch } from './log.ts';
import type { Rules } from './rules.ts';
import {
  type Cursor,
  type Entry,
  type Faults,
  type Frame,
  GATEWAY,
  headOf,
  type Log,
  type Page,
  PRODUCER,
  type Reach,
  type Scope,
  type State,
  samePlace,
  unborn,
  type Written,
} from './state.ts';

/** Something that can happen; `undefined` when it cannot now. */
export interface Step {
  readonly name: string;
  /** The protocol at work. What is not is the world: publishes, time, faults. */
  readonly progress: boolean;
  readonly take: (state: State) => State | undefined;
}

export interface Protocol {
  readonly scope: Scope;
  readonly rules: Rules;
}

export function stepsOf(protocol: Protocol): Step[] {
  const progress = (name: string, take: Step['take']): Step => ({ name, progress: true, take });
  const world = (name: string, take: Step['take']): Step => ({ name, progress: false, take });
  return [
    progress('a frame arrives', (state) => receive(state, protocol)),
    progress('a live copy arrives', (state) => hear(state, protocol)),
    progress('the gateway reports', (state) => reportOf(state, GATEWAY, protocol)),
    progress('the producer reports', (state) => reportOf(state, PRODUCER, protocol)),
    progress('the gateway probes', (state) => probe(state, protocol)),
    progress('a page is read', (state) => read(state, protocol)),
    progress('the page is delivered', (state) => deliver(state, protocol)),
    progress('the client connects', (state) => connect(state, protocol)),
    progress('the marker is answered', (state) => mark(state, protocol)),
    progress('a tick arrives', tick),
    progress('the producer tries again', (state) => retry(state, protocol)),
    world('publish', (state) => publish(state, protocol)),
    world('publish, answer lost', (state) => publishUnknown(state, protocol)),
    world('the replica copies', replicate),
    world('failover', failover),
    world('the master restarts', restart),
    world('the gateway dies', (state) => die(state, protocol)),
    world('a live copy is lost', dropBell),
    world('a live copy is repeated', repeatBell),
    world('the connection breaks', disconnect),
    world('the oldest is trimmed', trim),
    world('a retention passes', pass),
    world('the topic expires', expire),
  ];
}

function spend(state: State, fault: keyof Faults): State | undefined {
  if (state.left[fault] === 0) return undefined;
  return { ...state, left: { ...state.left, [fault]: state.left[fault] - 1 } };
}

// The producer

function publish(state: State, { scope, rules }: Protocol): State | undefined {
  const { made, unknown } = state.producer;
  if (unknown !== 0 || made >= scope.messages) return undefined;
  const id = made + 1;
  const appended = append(state, id, rules);
  return acknowledge({ ...appended.state, producer: { made: id, unknown: 0 } }, appended.entry);
}

function publishUnknown(before: State, { scope, rules }: Protocol): State | undefined {
  const state = spend(before, 'unknowns');
  if (state === undefined) return undefined;
  const { made, unknown } = state.producer;
  if (unknown !== 0 || made >= scope.messages) return undefined;
  const id = made + 1;
  return { ...append(state, id, rules).state, producer: { made: id, unknown: id } };
}

function retry(state: State, { rules }: Protocol): State | undefined {
  const { made, unknown } = state.producer;
  if (unknown === 0) return undefined;
  const appended = append(state, unknown, rules);
  return acknowledge({ ...appended.state, producer: { made, unknown: 0 } }, appended.entry);
}

function acknowledge(state: State, { epoch, seq }: Entry): State {
  const written = state.written.map((place) =>
    place.epoch === epoch && place.seq === seq ? { ...place, acked: true } : place,
  );
  return { ...state, written };
}

// The world

function replicate(state: State): State | undefined {
  return state.replica === state.log ? undefined : { ...state, replica: state.log };
}

function failover(before: State): State | undefined {
  const state = spend(before, 'failovers');
  if (state === undefined) return undefined;
  const written = state.written.map((place) =>
    has(state.log, place) && !has(state.replica, place) ? { ...place, lost: true } : place,
  );
  return { ...state, log: state.replica, lineage: state.lineage + 1, written };
}

/** A new lineage on a log that lost nothing, and of which the replica has not heard. */
function restart(before: State): State | undefined {
  const state = spend(before, 'restarts');
  return state && { ...state, lineage: state.lineage + 1 };
}

/** Another one takes its place, which knows nothing of what it saw. */
function die(before: State, { rules }: Protocol): State | undefined {
  const spent = spend(before, 'deaths');
  if (spent === undefined) return undefined;
  const state = touch(spent, rules);
  const log = { ...state.log, unreported: state.log.unreported & ~GATEWAY };
  const told = { ...headOf(log, state.time), origin: originOf(log) };
  const client = { ...state.client, connected: false };
  return { ...state, log, told, past: [], bell: [], wire: [], client, subscription: undefined };
}

function has({ entries }: Log, { epoch, seq }: Written): boolean {
  return entries[seq - 1]?.epoch === epoch;
}

function dropBell(before: State): State | undefined {
  if (before.bell.length === 0) return undefined;
  const state = spend(before, 'drops');
  return state && { ...state, bell: state.bell.slice(1) };
}

function repeatBell(before: State): State | undefined {
  const [first] = before.bell;
  if (first === undefined) return undefined;
  const state = spend(before, 'repeats');
  return state && { ...state, bell: [first, ...state.bell] };
}

function disconnect(before: State): State | undefined {
  if (!before.client.connected) return undefined;
  const state = spend(before, 'disconnects');
  if (state === undefined) return undefined;
  const client = { ...state.client, connected: false };
  return { ...state, client, wire: [], subscription: undefined };
}

function trim(before: State): State | undefined {
  const { log } = before;
  if (log.floor >= log.entries.length) return undefined;
  const state = spend(before, 'trims');
  return state && { ...state, log: { ...log, floor: log.floor + 1 } };
}

/** Reads and reports end long before a retention is over: they have deadlines. */
function pass(before: State): State | undefined {
  if (before.subscription?.page !== undefined || before.log.unreported !== 0) return undefined;
  if (before.log.lineage !== before.lineage) return undefined;
  const state = spend(before, 'ticks');
  return state && { ...state, time: state.time + 1 };
}

/**
 * Nothing was published for two retentions: log and meta are gone, on the replica too. Not while
 * pods have to report: they have seconds for that.
 */
function expire(state: State): State | undefined {
  const { log, time } = state;
  if (
    !log.born ||
    log.unreported !== 0 ||
    log.lineage !== state.lineage ||
    time < log.lastPublish + 2
  )
    return undefined;
  const empty = { ...unborn(log.lineage), unreported: log.unreported };
  return { ...state, log: empty, replica: empty };
}

// The gateway

/** Whether a script may lead a subscriber now: the history of a new lineage is settled. */
function settled({ log }: State, { rules }: Protocol): boolean {
  return log.unreported === 0 || !rules.settleFirst;
}

function reportOf(before: State, pod: number, { rules }: Protocol): State | undefined {
  const state = touch(before, rules);
  if ((state.log.unreported & pod) === 0) return undefined;
  return report(state, pod, rules);
}

function hear(before: State, protocol: Protocol): State | undefined {
  const [entry, ...bell] = before.bell;
  if (entry === undefined) return undefined;
  const { rules } = protocol;
  const state = { ...before, bell };
  const { told } = state;
  const same = entry.epoch === told.epoch || !rules.bellEpochIsChecked;
  if (!same) return state;
  const next = entry.seq === told.seq + 1;
  const skips = entry.seq > told.seq + 1 && !rules.bellHoleIsRepaired;
  const repeats = entry.seq <= told.seq && !rules.bellRepeatIsDropped;
  return next || skips || repeats ? tell(state, [{ kind: 'entry', entry }], protocol) : state;
}

/** The live line moves on, and everyone who is live with it. */
function tell(before: State, frames: readonly Frame[], protocol: Protocol): State {
  let state = before;
  for (const frame of frames) {
    state = moved(state, placeAfter(frame));
    if (state.subscription?.live) state = send(state, frame, protocol);
  }
  return state;
}

function moved(state: State, to: Reach): State {
  const { told, past } = state;
  // What was before the topic was forgotten is nobody's loss.
  if (to.epoch === 0) return { ...state, told: to, past: [] };
  if (to.epoch !== told.epoch) {
    return { ...state, told: to, past: told.epoch > 0 ? [...past, told] : past };
  }
  const { origin } = told;
  return { ...state, told: { ...to, ...(origin && { origin }) } };
}

function send(state: State, frame: Frame, { scope, rules }: Protocol): State {
  const sent = { ...state, wire: [...state.wire, frame] };
  const early = scope.session && !rules.savedByPong;
  return early ? { ...sent, saved: placeAfter(frame) } : sent;
}

function placeAfter(frame: Frame): Cursor {
  if (frame.kind === 'gap') return frame.gap.position;
  const { epoch, seq, at } = frame.entry;
  return { epoch, seq, confirmed: at };
}

/** Compares what was told with the log and makes good what is missing. */
function probe(before: State, protocol: Protocol): State | undefined {
  const { rules } = protocol;
  if (!rules.headIsProbed && before.log.lineage === before.lineage) return undefined;
  const state = touch(before, rules);
  if (!settled(state, protocol)) return state === before ? undefined : state;
  const { steps, cursor } = resolve(state, state.told, { page: Number.POSITIVE_INFINITY, rules });
  const confirmed = samePlace(cursor, state.told) && cursor.confirmed === state.told.confirmed;
  if (steps.length === 0 && confirmed) return state === before ? undefined : state;
  const after = moved(tell(state, steps, protocol), cursor);
  return { ...after, told: { ...after.told, origin: originOf(state.log) } };
}

function connect(state: State, { scope, rules }: Protocol): State | undefined {
  if (state.client.connected) return undefined;
  const cursor = scope.session ? state.saved : state.client.cursor;
  const client = { ...state.client, connected: true, cursor };
  return join({ ...state, client }, { cursor, page: undefined }, rules);
}

/** Live when the cursor is where the topic was told; behind otherwise. */
function join(
  state: State,
  { cursor, page }: { cursor: Cursor; page: Page | undefined },
  rules: Rules,
): State {
  const { told } = state;
  const sure = page !== undefined || cursor.seq > 0 || !rules.placeZeroIsAsked;
  const there = sure && (rules.joinInEpoch ? samePlace(cursor, told) : cursor.seq === told.seq);
  const live = there || (page !== undefined && !rules.joinAtHead);
  return { ...state, subscription: { live, cursor, page: undefined } };
}

function read(before: State, protocol: Protocol): State | undefined {
  const { subscription } = before;
  if (subscription === undefined || subscription.live || subscription.page) return undefined;
  const { scope, rules } = protocol;
  const state = touch(before, rules);
  if (!settled(state, protocol)) return state === before ? undefined : state;
  // A page of another epoch than the topic was told of would be kept back.
  if (state.log.epoch !== state.told.epoch) return state === before ? undefined : state;
  const page = resolve(state, subscription.cursor, { page: scope.page, rules });
  const same = samePlace(page.cursor, subscription.cursor);
  const nothing = page.steps.length === 0 && same && !samePlace(page.cursor, state.told);
  if (nothing) return undefined;
  return { ...state, subscription: { ...subscription, page } };
}

/** Up to where the topic was told; what is beyond will be told to the live. */
function deliver(before: State, protocol: Protocol): State | undefined {
  const { subscription } = before;
  const page = subscription?.page;
  if (subscription === undefined || page === undefined) return undefined;
  const { told } = before;
  let state = before;
  let { cursor } = subscription;
  let left = page.steps.length;
  for (const frame of page.steps) {
    const beyond = frame.kind === 'entry' && frame.entry.epoch === told.epoch;
    const sure = cursor.seq > 0 || left < page.steps.length || !protocol.rules.placeZeroIsAsked;
    if ((sure && samePlace(cursor, told)) || (beyond && frame.entry.seq > told.seq)) break;
    cursor = placeAfter(frame);
    state = send(state, frame, protocol);
    left -= 1;
  }
  if (left === 0 && !samePlace(cursor, told)) cursor = page.cursor;
  return join(state, { cursor, page }, protocol.rules);
}

// The session and the tick

function mark(state: State, { scope, rules }: Protocol): State | undefined {
  const { client, wire, saved } = state;
  if (!scope.session || !rules.savedByPong || !client.connected || wire.length > 0)
    return undefined;
  return samePlace(saved, client.cursor) ? undefined : { ...state, saved: client.cursor };
}

/** A live client that has everything learns when that was last confirmed, and of which epoch. */
function tick(state: State): State | undefined {
  const { client, told, subscription, wire } = state;
  if (!subscription?.live || wire.length > 0) return undefined;
  const fresh = samePlace(client.cursor, told) && client.cursor.confirmed === told.confirmed;
  return fresh ? undefined : { ...state, client: { ...client, cursor: told } };
}

/** Nothing is under way and the log is as it was told. */
export function isAtRest(state: State): boolean {
  const { client, log, time } = state;
  return client.connected && samePlace(client.cursor, headOf(log, time));
}
