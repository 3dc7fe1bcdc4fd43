import type {
  DeliveryRecord,
  EntryRecord,
  GapRecord,
  HistoryRecord,
  PublishRecord,
} from './records.ts';
import type { Invariant } from './verdict.ts';

/**
 * Ways to spoil a history. Each is what some bug would leave behind, done at a place that `pick`
 * chooses; undefined where the history has no such place.
 */
export interface Corruption {
  readonly name: string;
  /** The checker must name at least one of these. */
  readonly breaks: readonly Invariant[];
  readonly spoil: (history: HistoryRecord[], pick: Pick) => HistoryRecord[] | undefined;
}

/** A number in [0, count). */
export type Pick = (count: number) => number;

const corruption = (
  name: string,
  breaks: readonly Invariant[],
  spoil: Corruption['spoil'],
): Corruption => ({ name, breaks, spoil });

const isDelivery = (record: HistoryRecord): record is DeliveryRecord =>
  record.kind === 'del' && record.tap === 'app';
const isPublish = (record: HistoryRecord): record is PublishRecord => record.kind === 'pub';
const isGap = (record: HistoryRecord): record is GapRecord => record.kind === 'gap';

function one<T extends HistoryRecord>(
  history: readonly HistoryRecord[],
  is: (record: HistoryRecord) => record is T,
  pick: Pick,
): T | undefined {
  const found = history.filter(is);
  return found.length === 0 ? undefined : found[pick(found.length)];
}

const without = (history: HistoryRecord[], gone: (record: HistoryRecord) => boolean) =>
  history.filter((record) => !gone(record));

const changed = <T extends HistoryRecord>(history: HistoryRecord[], old: T, now: Partial<T>) =>
  history.map((record) => (record === old ? { ...old, ...now } : record));

function after(history: HistoryRecord[], place: HistoryRecord, ...added: HistoryRecord[]) {
  const at = history.indexOf(place) + 1;
  return [...history.slice(0, at), ...added, ...history.slice(at)];
}

/**
 * Whether the next word is a gap with this message in it: then whoever never had the message would
 * be told just the same.
 */
function isToldAsLost(history: readonly HistoryRecord[], chosen: DeliveryRecord): boolean {
  const next = history
    .slice(history.indexOf(chosen) + 1)
    .filter((record) => isDelivery(record) || isGap(record))
    .find(({ subscriber, topic }) => subscriber === chosen.subscriber && topic === chosen.topic);
  if (next === undefined || !isGap(next)) return false;
  return (next.from ?? 0) <= chosen.seq && chosen.seq <= (next.to ?? 0);
}

/** Deliveries of the same subscriber and topic. */
const row = (history: readonly HistoryRecord[], of: DeliveryRecord) =>
  history.filter(
    (record): record is DeliveryRecord =>
      isDelivery(record) && record.subscriber === of.subscriber && record.topic === of.topic,
  );

function delivery(
  change: (history: HistoryRecord[], one: DeliveryRecord) => HistoryRecord[] | undefined,
): Corruption['spoil'] {
  return (history, pick) => {
    const chosen = one(history, isDelivery, pick);
    return chosen === undefined ? undefined : change(history, chosen);
  };
}

function gap(
  change: (history: HistoryRecord[], one: GapRecord) => HistoryRecord[] | undefined,
): Corruption['spoil'] {
  return (history, pick) => {
    const chosen = one(history, isGap, pick);
    return chosen === undefined ? undefined : change(history, chosen);
  };
}

const deliveries: readonly Corruption[] = [
  corruption(
    'drop',
    ['I6', 'I8'],
    delivery((history, chosen) => {
      if (row(history, chosen)[0] === chosen || isToldAsLost(history, chosen)) return undefined;
      return without(history, (record) => record === chosen);
    }),
  ),
  corruption(
    'drop last',
    ['I6'],
    delivery((history, chosen) => {
      const last = row(history, chosen).at(-1);
      return without(history, (record) => record === last);
    }),
  ),
  corruption(
    'silent after heal',
    ['I6'],
    delivery((history, chosen) => {
      const { subscriber, topic, t } = chosen;
      return without(
        history,
        (record) =>
          (isDelivery(record) || isGap(record)) &&
          record.subscriber === subscriber &&
          record.topic === topic &&
          record.t >= t,
      );
    }),
  ),
  corruption(
    'duplicate',
    ['I3'],
    delivery((history, chosen) => after(history, chosen, { ...chosen, t: chosen.t + 1 })),
  ),
  corruption(
    'late duplicate under a new number',
    ['I3'],
    delivery((history, chosen) => {
      const last = row(history, chosen).at(-1) as DeliveryRecord;
      return after(history, last, { ...last, id: chosen.id, hash: chosen.hash, seq: last.seq + 1 });
    }),
  ),
  corruption(
    'swap',
    ['I4', 'I6'],
    delivery((history, chosen) => {
      const mine = row(history, chosen);
      const next = mine[mine.indexOf(chosen) + 1];
      if (next === undefined) return undefined;
      return history.map((record) => {
        if (record === chosen) return { ...next, t: chosen.t };
        return record === next ? { ...chosen, t: next.t } : record;
      });
    }),
  ),
  corruption(
    'phantom',
    ['I1'],
    delivery((history, chosen) => changed(history, chosen, { id: 'run/nobody/1' })),
  ),
  corruption(
    'phantom epoch',
    ['I1'],
    delivery((history, chosen) => changed(history, chosen, { epoch: 'invented' })),
  ),
  corruption(
    'wrong topic',
    ['I1'],
    delivery((history, chosen) => changed(history, chosen, { topic: 'room.else' })),
  ),
  corruption(
    'changed data',
    ['I1'],
    delivery((history, chosen) => changed(history, chosen, { hash: -1 })),
  ),
  corruption(
    'delivered before it was published',
    ['I1'],
    delivery((history, chosen) => changed(history, chosen, { t: 0 })),
  ),
  corruption(
    'observers disagree',
    ['I3', 'I4'],
    delivery((history, chosen) => {
      const others = history.filter(isPublish).filter((record) => record.topic === chosen.topic);
      const other = others.find((record) => record.id !== chosen.id);
      if (other === undefined) return undefined;
      return changed(history, chosen, { id: other.id, hash: other.hash });
    }),
  ),
  corruption(
    'unauthorised delivery',
    ['I10'],
    delivery((history, { topic }) => [
      { kind: 'auth', t: -61e9, identity: 'someone', topic, allowed: false },
      ...history,
    ]),
  ),
  corruption(
    'delivery after unsubscribe',
    ['I10'],
    delivery((history, chosen) => {
      const { subscriber, topic, t, tap } = chosen;
      const at = history.indexOf(chosen);
      return [
        ...history.slice(0, at),
        { kind: 'unsub', t, subscriber, tap, topic },
        ...history.slice(at),
      ];
    }),
  ),
];

const gaps: readonly Corruption[] = [
  ...(['lost', 'trimmed', 'truncated', 'slow'] as const).map((reason) =>
    corruption(
      `false gap ${reason}`,
      ['I8'],
      delivery((history, chosen) => {
        const { epoch, seq, subscriber, topic, t, tap } = chosen;
        // Where something was really lost, the gap might be true, only early.
        if (history.some(isGap)) return undefined;
        const said = { kind: 'gap', t, subscriber, topic, tap, reason, epoch, seq } as const;
        return after(history, chosen, { ...said, from: seq, to: seq });
      }),
    ),
  ),
  corruption(
    'false gap epoch_unknown',
    ['I8'],
    delivery((history, chosen) => {
      const { epoch, seq, subscriber, topic, t, tap } = chosen;
      const reason = 'epoch_unknown';
      return after(history, chosen, {
        ...{ kind: 'gap', t, subscriber, topic, tap, reason, epoch, seq },
      });
    }),
  ),
  corruption(
    'a drop hidden behind a gap that claims it was lost',
    ['I6', 'I8'],
    delivery((history, chosen) => {
      const { epoch, seq, subscriber, topic, t, tap } = chosen;
      if (row(history, chosen)[0] === chosen) return undefined;
      const said = { kind: 'gap', t, subscriber, topic, tap, reason: 'lost', epoch, seq } as const;
      return history.map((record) =>
        record === chosen ? { ...said, from: seq, to: seq } : record,
      );
    }),
  ),
  corruption(
    'gap withheld',
    ['I6'],
    gap((history, chosen) => without(history, (record) => record === chosen)),
  ),
  corruption(
    'gap that begins too early',
    ['I8'],
    gap((history, chosen) => changed(history, chosen, { from: (chosen.from ?? 0) - 1 })),
  ),
  corruption(
    'gap that begins too late',
    ['I6', 'I8'],
    gap((history, chosen) => changed(history, chosen, { from: (chosen.from ?? 0) + 1 })),
  ),
  corruption(
    'gap that ends too late',
    ['I8'],
    gap((history, chosen) => changed(history, chosen, { to: (chosen.to ?? 0) + 10_000 })),
  ),
  corruption(
    'gap that ends too early',
    ['I6', 'I8'],
    gap((history, chosen) => changed(history, chosen, { to: (chosen.to ?? 0) - 1 })),
  ),
  corruption(
    'gap with another reason',
    ['I6', 'I8'],
    gap((history, chosen) =>
      changed(history, chosen, { reason: chosen.reason === 'trimmed' ? 'lost' : 'trimmed' }),
    ),
  ),
];

const publishes: readonly Corruption[] = [
  corruption('acked missing', ['I7'], (history, pick) => {
    const chosen = one(history, isPublish, pick);
    const isIt = (record: HistoryRecord): record is EntryRecord =>
      record.kind === 'entry' && record.id === chosen?.id;
    const entry = one(history, isIt, () => 0);
    const trimmed = history.some(({ kind }) => kind === 'retained');
    const failover = history.some((record) => isGap(record) && record.reason === 'lost');
    if (entry === undefined || trimmed || failover) return undefined;
    return without(history, (record) => record === entry);
  }),
  corruption('failed shown', ['I2'], (history, pick) => {
    const shown = new Set(history.filter(isDelivery).map(({ id }) => id));
    const isShown = (record: HistoryRecord): record is PublishRecord =>
      isPublish(record) && shown.has(record.id);
    const chosen = one(history, isShown, pick);
    return chosen === undefined ? undefined : changed(history, chosen, { out: 'failed' });
  }),
  corruption('written twice', ['I2', 'I4'], (history, pick) => {
    const isEntry = (record: HistoryRecord): record is EntryRecord => record.kind === 'entry';
    const chosen = one(history, isEntry, pick);
    const last = history.filter(isEntry).findLast((record) => record.topic === chosen?.topic);
    if (chosen === undefined || last === undefined || last === chosen) return undefined;
    if (history.some(isGap)) return undefined;
    return after(history, last, { ...chosen, seq: last.seq + 1 });
  }),
  corruption('producer order', ['I5'], (history, pick) => {
    const chosen = one(history, isPublish, pick);
    const { publisher, topic, pn } = chosen ?? {};
    const next = history
      .filter(isPublish)
      .find(
        (other) =>
          other.publisher === publisher && other.topic === topic && other.pn === (pn ?? 0) + 3,
      );
    if (chosen === undefined || next === undefined || next.epoch !== chosen.epoch) return undefined;
    return history.map((record) => {
      if (record === chosen) return { ...chosen, pn: next.pn };
      return record === next ? { ...next, pn: chosen.pn } : record;
    });
  }),
];

const processes: readonly Corruption[] = [
  corruption(
    'never came back',
    ['I9'],
    delivery((history, { subscriber }) => [
      ...history.slice(0, -1),
      { kind: 'conn', t: 1e15, subscriber, state: 'closed', code: 1006 },
      ...history.slice(-1),
    ]),
  ),
  corruption(
    'connected and silent',
    ['I9'],
    delivery((history, chosen) => {
      const { subscriber } = chosen;
      const later = 1e12;
      const at = history.indexOf(chosen);
      return history.map((record, index) => {
        if (record.kind === 'quiet') return { ...record, t: record.t + later };
        const moved = 't' in record && 'subscriber' in record && record.subscriber === subscriber;
        return moved && index > at ? { ...record, t: record.t + later } : record;
      });
    }),
  ),
  corruption('a process ended unasked', ['I11'], (history) => [
    ...history,
    { kind: 'process', t: 1, name: 'gateway', phase: 'exit', planned: false },
  ]),
  corruption('files left open', ['I11'], (history) => [
    ...history,
    { kind: 'process', t: 1, name: 'gateway', phase: 'baseline', files: 30, timers: 10 },
    { kind: 'process', t: 2, name: 'gateway', phase: 'settled', files: 42, timers: 10 },
  ]),
  ...(['heldBytes', 'rssBytes'] as const).map((what) =>
    corruption(`memory that stays: ${what}`, ['I11'], (history) => {
      const warm = { heldBytes: 30e6, rssBytes: 130e6 };
      const said = { kind: 'process', t: 1, name: 'gateway' } as const;
      return [
        ...history,
        { ...said, phase: 'warm', ...warm },
        { ...said, phase: 'worn', ...warm, [what]: warm[what] * 1.12 },
      ];
    }),
  ),
  corruption('timers left running', ['I11'], (history) => [
    ...history,
    { kind: 'process', t: 1, name: 'gateway', phase: 'baseline', files: 30, timers: 10 },
    { kind: 'process', t: 2, name: 'gateway', phase: 'settled', files: 30, timers: 20 },
  ]),
];

export const corruptions: readonly Corruption[] = [
  ...deliveries,
  ...gaps,
  ...publishes,
  ...processes,
];
