import type { Cursor, Entry, Frame, Log, Reach, State } from './state.ts';

/**
 * A state as a short string: equal for equal states, different for different ones. Every number
 * becomes one character; lists carry their length.
 */
export function keyOf(state: State): string {
  const key = new Key();
  key.numbers(state.time, state.lineage, state.worldChanged, state.epochs);
  key.log(state.log);
  key.log(state.replica);
  key.numbers(state.producer.made, state.producer.unknown);
  key.list(state.bell, (entry) => key.entry(entry));
  key.reach(state.told);
  key.list(state.past, (reach) => key.reach(reach));
  const { subscription, client, left } = state;
  key.numbers(subscription === undefined ? 0 : subscription.live ? 1 : 2);
  if (subscription !== undefined && !subscription.live) {
    key.cursor(subscription.cursor);
    key.numbers(subscription.page === undefined ? 0 : 1);
    key.list(subscription.page?.steps ?? [], (frame) => key.frame(frame));
    if (subscription.page !== undefined) key.cursor(subscription.page.cursor);
  }
  key.list(state.wire, (frame) => key.frame(frame));
  key.numbers(client.connected ? 1 : 0, client.got, client.covered);
  key.cursor(client.cursor);
  key.cursor(state.saved);
  key.list(state.written, (place) =>
    key.numbers(
      place.id,
      place.epoch,
      place.seq,
      place.at,
      (place.acked ? 1 : 0) + (place.lost ? 2 : 0),
      place.heirs,
    ),
  );
  key.numbers(left.failovers, left.restarts, left.deaths, left.drops, left.repeats);
  key.numbers(left.disconnects, left.trims, left.unknowns, left.ticks);
  return key.text;
}

class Key {
  text = '';

  numbers(...values: readonly number[]): void {
    for (const value of values) this.text += String.fromCharCode(value + 1);
  }

  list<T>(items: readonly T[], add: (item: T) => void): void {
    this.numbers(items.length);
    for (const item of items) add(item);
  }

  cursor({ epoch, seq, confirmed }: Cursor): void {
    this.numbers(epoch, seq, confirmed);
  }

  reach({ origin, ...cursor }: Reach): void {
    this.cursor(cursor);
    this.numbers(origin?.epoch ?? -1, origin?.seq ?? -1);
  }

  entry({ id, epoch, seq, at }: Entry): void {
    this.numbers(id, epoch, seq, at);
  }

  frame(frame: Frame): void {
    if (frame.kind === 'entry') {
      this.numbers(0);
      this.entry(frame.entry);
      return;
    }
    const { gap } = frame;
    this.numbers(1, gap.from, gap.to, gap.reason.length, gap.names);
    this.cursor(gap.position);
  }

  log(log: Log): void {
    this.numbers(log.lineage, log.born ? 1 : 0, log.epoch, log.floor, log.unreported);
    this.numbers(log.lastPublish, log.birth);
    this.list(log.entries, ({ id, epoch, at }) => this.numbers(id, epoch, at));
    this.list(log.chain, ({ epoch, limit, known }) => this.numbers(epoch, limit, known));
  }
}
