/** What the page's own clients count; every number comes from messages that were received. */
export interface Counts {
  readonly delivered: number;
  /** Known to be written, and neither delivered nor still to be expected. */
  readonly lost: number;
  /** Handed to the application more than once. */
  readonly duplicated: number;
  /** Handed to `publish` and not yet seen by every subscriber of its topic. */
  readonly underWay: number;
}

/** An acknowledged message that a connected subscriber does not have after this counts as lost. */
const OVERDUE_MS = 15_000;
/** Missing numbers that are remembered for each track, in case that they still come. */
const MISSING_MAX = 10_000;

interface Publisher {
  issued: number;
  /** Acknowledged numbers with their time, oldest first; pruned once they are overdue. */
  readonly acknowledged: { readonly number: number; readonly at: number }[];
  /** Numbers of which nobody knows whether they were written. */
  readonly uncertain: Set<number>;
  /** Everything up to here was acknowledged longer than `OVERDUE_MS` ago. */
  settled: number;
}

/** What one subscriber has seen of one publisher. */
interface Track {
  /** Numbers up to here were issued before the subscriber listened: they may come or not. */
  readonly floor: number;
  last: number;
  readonly missing: Set<number>;
  readonly early: Set<number>;
  /** Missing numbers beyond what `missing` holds. */
  forgotten: number;
}

interface Subscriber {
  readonly tracks: Map<string, Track>;
  /** Undefined while it is not connected. */
  connectedAt: number | undefined;
}

/**
 * Checks, from the outside, what the system promises. Each publisher numbers its messages from 1;
 * each subscriber must see each number once. The publishers of other pages are known only by what
 * arrives: there the first number seen is where counting begins.
 */
export class Ledger {
  readonly #publishers = new Map<string, Publisher>();
  readonly #subscribers = new Map<string, Subscriber>();
  #delivered = 0;
  #duplicated = 0;

  /** The number of the publisher's next message. */
  issue(publisher: string): number {
    const entry = this.#publisher(publisher);
    entry.issued += 1;
    return entry.issued;
  }

  acknowledged(publisher: string, number: number, at: number): void {
    this.#publisher(publisher).acknowledged.push({ number, at });
  }

  /** The outcome of publishing it is unknown: it may arrive, once, or never. */
  uncertain(publisher: string, number: number): void {
    this.#publisher(publisher).uncertain.add(number);
  }

  /** From now on the subscriber must see everything that is issued by `publishers`. */
  listens(subscriber: string, publishers: readonly string[]): void {
    const entry = this.#subscriber(subscriber);
    for (const publisher of publishers) {
      if (entry.tracks.has(publisher)) continue;
      entry.tracks.set(publisher, newTrack(this.#publisher(publisher).issued));
    }
  }

  connection(subscriber: string, connectedAt: number | undefined): void {
    this.#subscriber(subscriber).connectedAt = connectedAt;
  }

  received(subscriber: string, publisher: string, number: number): void {
    const { tracks } = this.#subscriber(subscriber);
    let track = tracks.get(publisher);
    if (track === undefined) {
      track = newTrack(number - 1);
      tracks.set(publisher, track);
    }
    if (isNews(track, number)) this.#delivered += 1;
    else this.#duplicated += 1;
  }

  counts(now: number): Counts {
    let lost = 0;
    let underWay = 0;
    for (const publisher of this.#publishers.values()) settle(publisher, now);
    for (const { tracks, connectedAt } of this.#subscribers.values()) {
      const patient = connectedAt === undefined || now - connectedAt < OVERDUE_MS;
      for (const [name, track] of tracks) {
        const { issued, settled, uncertain } = this.#publishers.get(name) ?? UNKNOWN;
        lost += track.missing.size + track.forgotten - excused(track, uncertain);
        const overdue = patient ? 0 : Math.max(0, settled - track.last);
        lost += overdue;
        underWay += Math.max(0, issued - track.last - overdue);
      }
    }
    return { delivered: this.#delivered, lost, duplicated: this.#duplicated, underWay };
  }

  #publisher(name: string): Publisher {
    let entry = this.#publishers.get(name);
    if (entry === undefined) {
      entry = { issued: 0, acknowledged: [], uncertain: new Set(), settled: 0 };
      this.#publishers.set(name, entry);
    }
    return entry;
  }

  #subscriber(name: string): Subscriber {
    let entry = this.#subscribers.get(name);
    if (entry === undefined) {
      entry = { tracks: new Map(), connectedAt: undefined };
      this.#subscribers.set(name, entry);
    }
    return entry;
  }
}

/** A publisher of another page. */
const UNKNOWN = { issued: 0, settled: 0, uncertain: new Set<number>() };

function excused({ missing }: Track, uncertain: ReadonlySet<number>): number {
  let count = 0;
  for (const number of uncertain) if (missing.has(number)) count += 1;
  return count;
}

function newTrack(floor: number): Track {
  return { floor, last: floor, missing: new Set(), early: new Set(), forgotten: 0 };
}

/** Notes the number; false when the subscriber had it already. */
function isNews(track: Track, number: number): boolean {
  if (number > track.last) {
    for (let hole = track.last + 1; hole < number; hole += 1) {
      if (track.missing.size < MISSING_MAX) track.missing.add(hole);
      else track.forgotten += 1;
    }
    track.last = number;
    return true;
  }
  if (track.missing.delete(number)) return true;
  if (number > track.floor || track.early.has(number)) return false;
  track.early.add(number);
  return true;
}

function settle(publisher: Publisher, now: number): void {
  const { acknowledged } = publisher;
  let old = 0;
  for (const { number, at } of acknowledged) {
    if (now - at < OVERDUE_MS) break;
    publisher.settled = Math.max(publisher.settled, number);
    old += 1;
  }
  if (old > 0) acknowledged.splice(0, old);
}
