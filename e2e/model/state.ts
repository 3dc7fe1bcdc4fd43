/**
 * The abstract world of the resume protocol: one topic on a master with a replica, one producer
 * and its pod, one gateway pod that follows the topic, one subscriber. All values are immutable;
 * a step makes a new state. Time counts in retentions; epochs are numbered in the order in which
 * they were made, 0 being the world's.
 */
export interface State {
  readonly time: number;
  readonly log: Log;
  /** What the replica has: the log as it was when it was last copied. */
  readonly replica: Log;
  /** The server's own, as `master_replid`: changes with a failover. */
  readonly lineage: number;
  /** When the lineage was last seen to have changed; −1: never. */
  readonly worldChanged: number;
  /** The newest epoch that was ever handed out. */
  readonly epochs: number;
  readonly producer: Producer;
  /** Live copies on their way to the gateway. */
  readonly bell: readonly Entry[];
  /** What the gateway told its listeners of the topic last. */
  readonly told: Reach;
  /** The epochs that it was in before, oldest first. */
  readonly past: readonly Reach[];
  readonly subscription: Subscription | undefined;
  /** Frames on their way to the client. */
  readonly wire: readonly Frame[];
  readonly client: Client;
  /** The cursor that the server keeps for the session. */
  readonly saved: Cursor;
  /** Known to the oracle alone: where each message was ever written. */
  readonly written: readonly Written[];
  /** How often each fault may still happen. */
  readonly left: Faults;
  /** Set by a step that did what must never happen. */
  readonly broken: string | undefined;
}

export interface Log {
  readonly lineage: number;
  readonly born: boolean;
  /** Without meta: the world's, 0. */
  readonly epoch: number;
  /** Every message of this life, trimmed ones included; the first has seq 1. */
  readonly entries: readonly Stored[];
  /** Numbers up to here were trimmed. */
  readonly floor: number;
  readonly chain: readonly Link[];
  /** Pods that have still to report after a change of lineage, as bits. */
  readonly unreported: number;
  readonly lastPublish: number;
  /** When this life began. */
  readonly birth: number;
}

export interface Stored {
  readonly id: number;
  readonly epoch: number;
  readonly at: number;
}

/** An epoch that is over: what survived of it, and what a pod knew of it. */
export interface Link {
  readonly epoch: number;
  readonly limit: number;
  readonly known: number;
}

export interface Cursor {
  readonly epoch: number;
  readonly seq: number;
  readonly confirmed: number;
}

/** How far an epoch went, and after which number of which epoch it began, if that is known. */
export interface Reach extends Cursor {
  readonly origin?: { readonly epoch: number; readonly seq: number };
}

export interface Entry extends Stored {
  readonly seq: number;
}

export interface Gap {
  readonly reason: 'trimmed' | 'truncated' | 'lost' | 'expired' | 'epoch_unknown';
  readonly from: number;
  readonly to: number;
  readonly position: Cursor;
  /** Known to the oracle alone: which writes it names, as bits. */
  readonly names: number;
}

export type Frame =
  | { readonly kind: 'entry'; readonly entry: Entry }
  | { readonly kind: 'gap'; readonly gap: Gap };

export interface Page {
  readonly steps: readonly Frame[];
  readonly cursor: Cursor;
}

export interface Producer {
  /** Messages that were begun: their ids are 1 … made. */
  readonly made: number;
  /** The one whose outcome is unknown and which is tried again; 0: none. */
  readonly unknown: number;
}

export interface Subscription {
  readonly live: boolean;
  /** Everything up to here was written to the wire. Of a live one: when it became live. */
  readonly cursor: Cursor;
  /** A page that was read and not yet delivered. */
  readonly page: Page | undefined;
}

export interface Client {
  readonly connected: boolean;
  readonly cursor: Cursor;
  /** Ids that the application got, and those that a gap named, as bits. */
  readonly got: number;
  readonly covered: number;
}

export interface Written {
  readonly id: number;
  readonly epoch: number;
  readonly seq: number;
  readonly at: number;
  readonly acked: boolean;
  /** A failover lost it. */
  readonly lost: boolean;
  /** The epochs that began behind it, and whose history it is part of, as bits. */
  readonly heirs: number;
}

export interface Faults {
  readonly failovers: number;
  readonly restarts: number;
  readonly deaths: number;
  readonly drops: number;
  readonly repeats: number;
  readonly disconnects: number;
  readonly trims: number;
  readonly unknowns: number;
  readonly ticks: number;
}

/** Which part of the protocol is looked at, and how far. */
export interface Scope {
  readonly name: string;
  readonly messages: number;
  readonly faults: Partial<Faults>;
  /** The server keeps the cursor: at least once, instead of once. */
  readonly session?: true;
  /** Entries of a page. */
  readonly page: number;
}

export const GATEWAY = 1;
export const PRODUCER = 2;
const WORLD: Cursor = { epoch: 0, seq: 0, confirmed: 0 };

export const unborn = (lineage: number): Log => ({
  lineage,
  born: false,
  epoch: 0,
  entries: [],
  floor: 0,
  chain: [],
  unreported: 0,
  lastPublish: 0,
  birth: 0,
});

const NO_FAULTS: Faults = {
  failovers: 0,
  restarts: 0,
  deaths: 0,
  drops: 0,
  repeats: 0,
  disconnects: 0,
  trims: 0,
  unknowns: 0,
  ticks: 0,
};

/** A subscriber that is live on a topic that does not exist yet. */
export function initial(scope: Scope): State {
  return {
    time: 0,
    log: unborn(1),
    replica: unborn(1),
    lineage: 1,
    worldChanged: -1,
    epochs: 0,
    producer: { made: 0, unknown: 0 },
    bell: [],
    told: WORLD,
    past: [],
    subscription: { live: true, cursor: WORLD, page: undefined },
    wire: [],
    client: { connected: true, cursor: WORLD, got: 0, covered: 0 },
    saved: WORLD,
    written: [],
    left: { ...NO_FAULTS, ...scope.faults },
    broken: undefined,
  };
}

export function samePlace(a: Cursor, b: Cursor): boolean {
  return a.epoch === b.epoch && a.seq === b.seq;
}

export function headOf(log: Log, time: number): Cursor {
  return { epoch: log.epoch, seq: log.entries.length, confirmed: time };
}
