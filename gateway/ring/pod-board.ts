import { compareVersions, type RingVersion } from '../../protocol/ring.ts';

/**
 * What the pods of one cluster tell each other through the store: that they live and how loaded
 * they are, who may write the next ring, and the newest ring that any of them has seen. Two boards
 * implement it, memory and Redis, and both pass `testing/board.conformance.ts`. A board belongs to
 * one cluster: what pods of another one say is nowhere to be seen.
 *
 * Atomicity: every method is one step of the store; nobody sees half of it. A step that rejects
 * did not happen or did happen, and either way may be repeated: none does harm the second time.
 *
 * Time: only the store's clock counts, never a pod's. It may stand, jump or be reset (failover,
 * restore); so nobody is called silent for a time in which nobody at all was heard, see
 * `silenceOf`.
 *
 * The ring: the board keeps the newest that it was offered, by `compareStamps`; it never goes back,
 * except when the store itself loses its memory. Then the pods heal it: each beat says which ring
 * the pod has, and whoever has a newer one than the board offers it.
 *
 * The lease: at most one pod may write new rings, and which one is decided within its beat. The
 * lease has a generation that is above that of every ring that any pod ever reported; rings written
 * under it carry this generation. It is free again `LEASE_HEARTBEATS` after its holder's last beat,
 * or when the holder leaves. An offer of a new ring is refused when the lease is another's by now
 * (a writer that was frozen and thawed), or when the board's ring is another one than the new ring
 * was made from (a copy of the writer that was there first). A pod that reports a ring which the
 * board should know of, and does not, proves that the board lost something: the lease that was
 * given since then ends, so that no version is used twice.
 */
export interface PodBoard {
  /**
   * Begins. `up` is called each time the board can be reached: at once or once connected, and
   * again after it was lost.
   */
  open(up: () => void): void;
  /** A sign of life, and the answer to it. Rejects within the store's own deadline. */
  beat(beat: Beat): Promise<Beaten>;
  offer(offer: Offer): Promise<OfferOutcome>;
  /** Everybody, for whoever asks; beats themselves carry this only to the holder of the lease. */
  pods(): Promise<PodsOnBoard>;
  /** This pod is gone: its facts are forgotten, its lease is free. */
  leave(pod: string): Promise<void>;
  close(): void;
}

/** What of a pod seldom changes. */
export interface PodFacts {
  /** As `Member.weight`, `zone` and `address` of the ring. */
  readonly weight: number;
  readonly zone: string;
  readonly address: string;
  /** Ed25519, 32 bytes as base64url: what it signs others can verify. Empty: it signs nothing. */
  readonly key: string;
}

export interface PodLoad {
  readonly connections: number;
  /** Share of time in which its event loop was busy, 0 to 1. */
  readonly utilisation: number;
  /** Of all pods together, by the rings that it knows: see `handoversOf`. Absent: not said. */
  readonly handovers?: number;
}

/** Tells one ring from every other. */
export interface RingStamp {
  readonly version: RingVersion;
  /** `ringDigest` of its document. */
  readonly digest: string;
}

export interface Beat {
  readonly pod: string;
  /** How often this pod beats, ms. */
  readonly intervalMs: number;
  /** It asks to own nothing. */
  readonly leaving: boolean;
  readonly facts: PodFacts;
  readonly load: PodLoad;
  /** The ring that it has. */
  readonly ring: RingStamp | undefined;
  /** Digest of a document that it was given and could not use: it is not sent again. */
  readonly refused: string | undefined;
  /** `facts.token` of the last answer that it got. */
  readonly known: string | undefined;
  /** It would take the lease. */
  readonly mayWrite: boolean;
}

export interface Beaten {
  readonly time: BoardTime;
  /** The board's ring; its document only when the pod has an older one, or none. */
  readonly ring: (RingStamp & { readonly document: string | undefined }) | undefined;
  /** Of all pods; only when they are not those that the pod knows by `token` already. */
  readonly facts: {
    readonly token: string;
    readonly all: ReadonlyMap<string, PodFacts> | undefined;
  };
  /** Who holds the lease now. */
  readonly holder: string | undefined;
  /** Only when this pod holds it. */
  readonly lease: Lease | undefined;
}

export interface Lease {
  /** Of the rings that are written under it. */
  readonly generation: number;
  readonly beats: ReadonlyMap<string, PodBeat>;
}

/** By the store's clock, ms. */
export interface BoardTime {
  readonly now: number;
  /** Since then beats have come without a pause in which nobody was heard. */
  readonly since: number;
}

/** A pod's last beat. */
export interface PodBeat {
  /** ms by the store's clock. */
  readonly at: number;
  readonly intervalMs: number;
  /** Since when it beats without having been gone. */
  readonly upSince: number;
  /** How often it was gone lately and came back, at most `FALLS_MAX`. */
  readonly falls: number;
  readonly state: PodState;
  readonly load: PodLoad;
}

export const podStates = ['here', 'leaving', 'left'] as const;
export type PodState = (typeof podStates)[number];

export interface PodsOnBoard {
  readonly time: BoardTime;
  readonly beats: ReadonlyMap<string, PodBeat>;
  readonly facts: ReadonlyMap<string, PodFacts>;
}

export interface Offer {
  readonly ring: RingStamp;
  readonly document: string;
  /** A ring that nobody has yet. Absent: one that was accepted somewhere, which is passed on. */
  readonly written?: {
    readonly by: string;
    /** Of the lease under which it was written. */
    readonly generation: number;
    /** What the board must hold, or it is refused. */
    readonly over: RingStamp | undefined;
  };
}

/**
 * `stored`: the board has it now. `older`: the board has a better one. `fenced`: the lease or the
 * ring that it was made from is not what the writer believes.
 */
export const offerOutcomes = ['stored', 'older', 'fenced'] as const;
export type OfferOutcome = (typeof offerOutcomes)[number];

/** Two of a holder's beats are missing; with the next beat of another the lease is taken. */
export const LEASE_HEARTBEATS = 2;
/** Silent for longer than this a pod is gone. */
export const GONE_HEARTBEATS = 3;
/** So much longer is waited for when most of a ring are silent at once. */
export const MOST_GONE_HEARTBEATS = 15;
/** Nobody was heard of for this many of the caller's heartbeats: that was a pause. */
export const PAUSE_HEARTBEATS = 1.5;
/** A pod that was up for so many heartbeats is forgiven that it was gone before. */
export const FORGIVE_HEARTBEATS = 512;
export const FALLS_MAX = 8;
/** Who was silent for so many heartbeats is forgotten when a new pod comes. */
export const FORGET_HEARTBEATS = 1_000;

/** Negative when `a` is older than `b`, or as old and of the lower digest; no ring is oldest. */
export function compareStamps(a: RingStamp | undefined, b: RingStamp | undefined): number {
  if (a === undefined || b === undefined) return Number(a !== undefined) - Number(b !== undefined);
  const versions = compareVersions(a.version, b.version);
  if (versions !== 0) return versions;
  return a.digest < b.digest ? -1 : Number(a.digest > b.digest);
}

/**
 * For how long a pod has been silent while others were heard, ms. After an outage of the store,
 * or a jump of its clock, everybody would look long gone to the first who is back; so time counts
 * only from the last pause on. A pod that the board does not know, or that beat in the future, is
 * silent since then.
 */
export function silenceOf(beat: PodBeat | undefined, { now, since }: BoardTime): number {
  const heard = beat === undefined || beat.at > now ? since : Math.max(beat.at, since);
  return now - heard;
}
