import type { Clock } from '../../../protocol/clock.ts';
import { compareVersions, type Ring } from '../../../protocol/ring.ts';
import { encodeRing, ringDigest } from '../../../protocol/ring-document.ts';
import { silentLogger } from '../../logger.ts';
import type { DocumentOutcome, RingCounts } from '../counts.ts';
import type { PodBoard } from '../pod-board.ts';
import { RingKeeper, type readRing } from '../ring-keeper.ts';
import { SelfOrganised } from '../self-organised.ts';

/** What a pod of a test counted. */
export interface Tally {
  readonly documents: Map<DocumentOutcome, number>;
  conflicts: number;
  failed: number;
  offers: string[];
}

export function tallying(): RingCounts & { readonly tally: Tally } {
  const tally: Tally = { documents: new Map(), conflicts: 0, failed: 0, offers: [] };
  return {
    tally,
    document: (outcome) => {
      tally.documents.set(outcome, (tally.documents.get(outcome) ?? 0) + 1);
    },
    conflict: () => {
      tally.conflicts += 1;
    },
    heartbeat: (outcome) => {
      if (outcome === 'failed') tally.failed += 1;
    },
    offered: (outcome) => {
      tally.offers.push(outcome);
    },
  };
}

export interface RingPodOptions {
  readonly name: string;
  readonly board: PodBoard;
  readonly clock: Clock;
  readonly intervalMs: number;
  readonly cluster?: string;
  readonly weight?: number;
  readonly read?: typeof readRing;
}

/** A pod that organises its ring, without the rest of a gateway. */
export class RingPod {
  readonly name: string;
  readonly keeper: RingKeeper;
  readonly source: SelfOrganised;
  readonly tally: Tally;
  /** Every ring that it took, oldest first. */
  readonly rings: Ring[] = [];
  /** A version went back, which never may happen. */
  regressed = false;

  constructor({
    name,
    board,
    clock,
    intervalMs,
    cluster = 'chat',
    weight = 1,
    read,
  }: RingPodOptions) {
    this.name = name;
    const counts = tallying();
    this.tally = counts.tally;
    const shared = { clock, counts, logger: silentLogger, cluster };
    this.keeper = new RingKeeper({ ...shared, ...(read && { read }) });
    this.keeper.onChange((current, previous) => {
      this.rings.push(current);
      if (previous !== undefined && compareVersions(current.version, previous.version) < 0) {
        this.regressed = true;
      }
    });
    const { keeper } = this;
    const load = () => ({ connections: 0, utilisation: 0 });
    this.source = new SelfOrganised({ ...shared, keeper, pod: name, intervalMs, board, load });
    this.source.start({ weight, zone: '', address: `${name}:8001`, key: '' });
  }

  /** How many shards it owns by the ring that it has. */
  get owned(): number {
    const { ring } = this.keeper.current ?? {};
    const place = ring?.members.findIndex(({ id }) => id === this.name) ?? -1;
    return ring?.owners.reduce((sum, owner) => sum + Number(owner === place), 0) ?? 0;
  }

  /** Ids of the ring that it has. */
  get members(): readonly string[] {
    return this.keeper.current?.ring.members.map(({ id }) => id) ?? [];
  }
}

/** Whether all have one and the same ring, and these are its members. */
export function agree(pods: readonly RingPod[], members: readonly string[]): boolean {
  const [first] = pods;
  const wanted = members.toSorted().join();
  return pods.every(
    ({ keeper, members: mine }) =>
      keeper.current !== undefined &&
      keeper.current.document === first?.keeper.current?.document &&
      mine.join() === wanted,
  );
}

export function documentOf(ring: Ring): { document: string; digest: string } {
  const document = encodeRing(ring);
  return { document, digest: ringDigest(document) };
}
