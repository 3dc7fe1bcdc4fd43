import {
  compareVersions,
  firstRing,
  type Member,
  nextRing,
  type Ring,
  type RingVersion,
  sameMembers,
} from '../../protocol/ring.ts';
import { decodeRing, encodeRing, ringDigest } from '../../protocol/ring-document.ts';

/** Which ring a gateway says that it goes by. */
export interface ReportedRing {
  readonly version: RingVersion;
  readonly digest: string;
}

export interface RingInput {
  /** The WsCluster's uid. */
  readonly cluster: string;
  /** What the ConfigMap holds. */
  readonly held: string | undefined;
  /** Of every gateway that could be asked. */
  readonly reported: readonly ReportedRing[];
  /** Gateways that run and are not leaving. */
  readonly members: readonly Member[];
}

/** `written`: it is to be written to the ConfigMap first, and pushed then. */
export type RingDecision =
  | { readonly kind: 'none' }
  | { readonly kind: 'held' | 'written'; readonly ring: Ring; readonly document: string };

/**
 * The ring that is to be. The ConfigMap is the truth, unless somebody lost it: a ring that a
 * gateway goes by and the ConfigMap does not know, because it was deleted or restored from a
 * backup, or another operator wrote it, is left behind by a generation: gateways never go back.
 *
 * Without members the ring stays: gateways that all start again come back to what they owned.
 */
export function ringToBe({ cluster, held, reported, members }: RingInput): RingDecision {
  const current = held === undefined ? undefined : read(held, cluster);
  if (members.length === 0) return current ?? { kind: 'none' };
  const ahead = newestAhead(current, reported);
  if (current !== undefined && ahead === undefined && sameMembers(current.ring, members)) {
    return current;
  }
  const version = versionAfter(current?.ring.version, ahead);
  const ring =
    current === undefined
      ? firstRing({ cluster, version }, members)
      : nextRing(current.ring, members, version);
  return { kind: 'written', ring, document: encodeRing(ring) };
}

/** Undefined for what is none, and for another cluster's: it is written over. */
function read(document: string, cluster: string) {
  try {
    const ring = decodeRing(document);
    return ring.cluster === cluster ? { kind: 'held' as const, ring, document } : undefined;
  } catch {
    return undefined;
  }
}

/** The newest ring in use that is not the ConfigMap's, or before it. */
function newestAhead(
  current: { readonly ring: Ring; readonly document: string } | undefined,
  reported: readonly ReportedRing[],
): RingVersion | undefined {
  const own = current === undefined ? undefined : ringDigest(current.document);
  return reported
    .filter(({ version, digest }) => {
      const order = current === undefined ? 1 : compareVersions(version, current.ring.version);
      return order > 0 || (order === 0 && digest !== own);
    })
    .map(({ version }) => version)
    .reduce<RingVersion | undefined>(
      (newest, version) =>
        newest === undefined || compareVersions(version, newest) > 0 ? version : newest,
      undefined,
    );
}

function versionAfter(current: RingVersion | undefined, ahead: RingVersion | undefined) {
  if (ahead !== undefined) return { generation: ahead.generation + 1, counter: 1 };
  const { generation = 1, counter = 0 } = current ?? {};
  return { generation, counter: counter + 1 };
}
