import {
  type AskCounts,
  askOutcomes,
  type DocumentOutcome,
  hearOutcomes,
  type RingCounts,
} from '../ring/counts.ts';
import { offerOutcomes } from '../ring/pod-board.ts';
import { allOf, type SeriesMaker } from './series.ts';

/** What of the ring is read when somebody asks for the metrics. */
export interface RingState {
  /** 0 while there is no ring. */
  readonly generation: number;
  readonly counter: number;
  readonly members: number;
  /** Shards that this pod owns. */
  readonly owned: number;
  /** It holds the lease of the writer. */
  readonly writes: boolean;
}

const documents = allOf<DocumentOutcome>({
  ...{ newer: true, same: true, older: true },
  ...{ other_cluster: true, undecodable: true, unreadable: true },
});

export function ringCounts(make: SeriesMaker): RingCounts & AskCounts {
  const conflicts = make.counter(
    'ring_conflicts_total',
    'Rings of the same version with another content. Never, unless the store lost something.',
  );
  return {
    document: make.counters('ring_documents_total', 'Rings that arrived, by what became of them.', {
      label: 'outcome',
      values: documents,
    }),
    conflict: () => conflicts(),
    heartbeat: make.counters('ring_heartbeats_total', 'Signs of life given to the others.', {
      label: 'outcome',
      values: allOf({ ok: true, failed: true }),
    }),
    offered: make.counters(
      'ring_offers_total',
      'Rings that were offered to the others: new ones, and such as they had missed.',
      { label: 'outcome', values: offerOutcomes },
    ),
    asked: make.counters(
      'pod_questions_total',
      'Questions to all gateways, about users and topics, by what this one got to know.',
      { label: 'outcome', values: askOutcomes },
    ),
    heard: make.counters(
      'pod_messages_total',
      'What other gateways asked and answered, by what became of it here.',
      { label: 'outcome', values: hearOutcomes },
    ),
  };
}

type RingGauge = readonly [name: string, help: string, read: (state: RingState) => number];

export const ringGauges: readonly RingGauge[] = [
  ['ring_generation', 'First part of the version of the ring; 0: none.', (ring) => ring.generation],
  ['ring_counter', 'Second part of the version of the ring.', (ring) => ring.counter],
  ['ring_members', 'Gateways in the ring.', (ring) => ring.members],
  ['ring_shards_owned', 'Shards that this gateway owns.', (ring) => ring.owned],
  ['ring_lease_held', '1 while this gateway writes the ring.', (ring) => Number(ring.writes)],
];
