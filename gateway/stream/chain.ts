import type { Position } from '../../protocol/position.ts';
import type { Entry, LogGapReason, PageStep } from './stream.ts';

/**
 * What became of a topic's earlier epochs, newest first. Whoever was in one of `epochs` saw the
 * common history up to `limit`; from there on the log continues with another epoch, and numbers
 * above `limit` in it are those of messages that a failover lost. The oldest link is the world's
 * epoch with limit 0: where a subscriber was before the topic's first message.
 *
 * Both stores keep this; the rules that read it are here, so that they exist once.
 */
export interface ChainLink {
  /** Oldest first. More than one where the later ones ended without a message or a loss. */
  readonly epochs: readonly string[];
  readonly limit: number;
  /** Highest seq that some pod saw in these epochs; not above `limit`: nothing was lost. */
  readonly known: number;
  /**
   * Second at which the first of its epochs began; of one that only pods knew, at which it was
   * seen; of the world's, 0. Never greater than that of a newer link.
   */
  readonly since: number;
}

/** Where an epoch began: up to `seq` its history is that of `epoch`. */
export interface Origin {
  readonly epoch: string;
  readonly seq: number;
}

/**
 * How far a pod knows that an epoch went, and where it began, if the pod knows that: then a log
 * that never had the epoch can still tell what of it is there.
 */
export interface Reach extends Position {
  readonly origin?: Origin;
}

export interface TopicHistory {
  readonly epoch: string;
  readonly seq: number;
  readonly chain: readonly ChainLink[];
  /** Second at which the topic was born, or born again. */
  readonly birth: number;
}

/** Bounds of a chain. What falls off makes an old cursor `epoch_unknown`, never a wrong replay. */
export const chainBounds = { links: 64, epochsPerLink: 16 } as const;

/** A world's epoch can be told from a topic's, so that a wiped store is noticed at once. */
const WORLD = 'w-';

export const worldEpoch = (fresh: string): string => WORLD + fresh;

export const isWorldEpoch = (epoch: string): boolean => epoch.startsWith(WORLD);

/** The seq after which a cursor reads on; undefined when its epoch is not known. */
export function readsAfter(history: TopicHistory, from: Position): number | undefined {
  if (from.epoch === history.epoch) return Math.min(from.seq, history.seq);
  const link = history.chain[linkOf(history.chain, from.epoch)];
  return link === undefined ? undefined : Math.min(from.seq, link.limit);
}

function linkOf(chain: readonly ChainLink[], epoch: string): number {
  return chain.findIndex((link) => link.epochs.includes(epoch));
}

/**
 * Whether what lies between the cursor and the head may still change by reports about the newest
 * change of lineage, which was seen in second `changed`. Who was at a topic's birth, and was told
 * so after the change, does not cross it.
 */
export function crossesChange(history: TopicHistory, from: Position, changed: number): boolean {
  if (from.epoch === history.epoch) return false;
  return !isWorldEpoch(from.epoch) || from.confirmed <= changed;
}

/**
 * Whether at this second a topic may have forgotten everything that came after the position: log
 * and meta live longer than twice the retention after the last publish.
 */
export function mayBeForgotten(
  from: Position,
  at: { second: number; retentionS: number },
): boolean {
  return at.second - from.confirmed > 2 * at.retentionS;
}

/** A topic of which nothing is known: unborn, expired, or lost. */
export interface UnbornTopic {
  /** The epoch in which topics are that are not born yet. */
  readonly world: string;
  /** Second in which the lineage changed last. */
  readonly changed: number;
  readonly second: number;
  readonly retentionS: number;
  /** There is a log without anything that tells what its numbers are. */
  readonly logExists: boolean;
}

/**
 * Why somebody at the position may have missed something; undefined: nothing was missed. So it is
 * before the topic's birth, also across a change of lineage: once that is settled, whoever knew of
 * a birth has reported it, and the topic would be born. An epoch of the topic itself may have been
 * lost with it.
 */
export function missedBeforeBirth(
  from: Position,
  topic: UnbornTopic,
): 'expired' | 'epoch_unknown' | undefined {
  if (mayBeForgotten(from, topic)) return 'expired';
  const { epoch, confirmed } = from;
  const known = isWorldEpoch(epoch) ? epoch === topic.world : confirmed > topic.changed;
  return known && !topic.logExists ? undefined : 'epoch_unknown';
}

/** The chain after the current epoch, which began in second `since`, ended at `seq`. */
export function endEpoch(
  { epoch, seq, chain }: Omit<TopicHistory, 'birth'>,
  since: number,
): ChainLink[] {
  const [newest, older, ...rest] = chain;
  const ended: ChainLink = { epochs: [epoch], limit: seq, known: 0, since };
  if (newest === undefined || older === undefined || !mergeable(newest, older)) {
    return [ended, ...chain].slice(0, chainBounds.links);
  }
  // The first epoch of a link is the one with the messages; of the idle ones the newest count.
  const [first, ...idle] = [...older.epochs, ...newest.epochs];
  const epochs = [first as string, ...idle.slice(1 - chainBounds.epochsPerLink)];
  return [ended, { ...older, epochs }, ...rest];
}

/** Nothing was written between the two, and nothing is known to be lost in either. */
function mergeable(newest: ChainLink, older: ChainLink): boolean {
  const { limit } = older;
  return newest.limit === limit && newest.known <= limit && older.known <= limit;
}

/**
 * Where the current epoch began. Of several names for the place the oldest, which a replica that
 * lags is the likeliest to have. Undefined: this history does not say.
 */
export function originOf({ chain }: Pick<TopicHistory, 'chain'>): Origin | undefined {
  // What pods alone remember never reaches further than what it branched off from.
  const seq = Math.max(...chain.map(({ limit }) => limit));
  const epoch = chain.findLast(({ limit }) => limit === seq)?.epochs[0];
  return epoch === undefined ? undefined : { epoch, seq };
}

/**
 * The chain after a pod said how far it knows an epoch that is not the current one.
 * `forgotten`: so long ago that an epoch which is not on the chain has simply expired.
 */
export function noteKnown(
  chain: readonly ChainLink[],
  known: Reach,
  forgotten: boolean,
): readonly ChainLink[] {
  const at = linkOf(chain, known.epoch);
  const link = chain[at];
  if (link === undefined) return forgotten ? chain : withBranch(chain, known);
  if (known.seq <= Math.max(link.limit, link.known)) return chain;
  return chain.with(at, { ...link, known: known.seq });
}

/**
 * An epoch that began and ended where this log never was joins the chain as a branch: what it
 * added to the epoch in which it began is lost, and where it added nothing, nothing is. It stands
 * behind that epoch, in the order of time, whoever is first to report: who was in it goes on to
 * every newer loss, and who came later is not told of it. Of two in one second the one that went
 * further is taken to be the newer, as where a restart is between them; where it was not, too much
 * is told and not too little.
 */
function withBranch(
  chain: readonly ChainLink[],
  { epoch, seq, confirmed, origin }: Reach,
): readonly ChainLink[] {
  const parent = origin === undefined ? -1 : linkOf(chain, origin.epoch);
  const inTime = chain.findIndex(({ since, limit: kept, known }) =>
    since === confirmed ? Math.max(kept, known) <= seq : since < confirmed,
  );
  const at = parent < 0 || (inTime >= 0 && inTime < parent) ? inTime : parent;
  const before = chain[parent < 0 ? at : parent];
  if (before === undefined) return chain;
  // Without an origin it is taken to begin where this log was cut, which a shorter one did not.
  const limit = parent < 0 ? before.limit : Math.min(origin?.seq ?? 0, before.limit);
  if (parent < 0 && seq <= limit) return chain;
  const since = Math.max(confirmed, chain[at]?.since ?? 0);
  const lost: ChainLink = { epochs: [epoch], limit, known: seq, since };
  return chain.toSpliced(at, 0, lost).slice(0, chainBounds.links);
}

/** What was read after `readsAfter`, up to the head or up to a limit of the page. */
export interface Excerpt {
  /** Ascending; holes are what was trimmed. */
  readonly entries: readonly Entry[];
  /** The log holds nothing more. */
  readonly exhausted: boolean;
}

export interface Continued {
  readonly steps: readonly PageStep[];
  readonly cursor: Position;
}

/** What a subscriber at `from` must see, in order, and where it is afterwards. */
export function continueFrom(
  history: TopicHistory,
  from: Position,
  read: { excerpt: Excerpt; second: number; retentionS: number },
): Continued {
  const head = { epoch: history.epoch, seq: history.seq, confirmed: read.second };
  if (readsAfter(history, from) === undefined) return jump('epoch_unknown', head);
  // The topic may have been born, published to and forgotten before this birth of it.
  const atBirth = { second: history.birth, retentionS: read.retentionS };
  if (isWorldEpoch(from.epoch) && mayBeForgotten(from, atBirth)) return jump('expired', head);
  return new Walk(history, from, head).over(read.excerpt);
}

/** A gap of unknown range that ends at the head. */
export function jump(reason: LogGapReason, head: Position): Continued {
  return { steps: [{ kind: 'gap', gap: { reason, position: head } }], cursor: head };
}

/** One walk from a cursor towards the head, across the ends of epochs. */
class Walk {
  readonly #history: TopicHistory;
  readonly #from: Position;
  readonly #head: Position;
  readonly #start: number;
  readonly #steps: PageStep[] = [];
  /** Index of the link in which the subscriber is; -1 in the current epoch. */
  #link: number;
  #seq: number;
  #cursor: Position;

  constructor(history: TopicHistory, from: Position, head: Position) {
    this.#history = history;
    this.#from = from;
    this.#head = head;
    this.#cursor = from;
    this.#start = from.epoch === history.epoch ? -1 : linkOf(history.chain, from.epoch);
    this.#link = this.#start;
    this.#seq = readsAfter(history, from) ?? history.seq;
  }

  over({ entries, exhausted }: Excerpt): Continued {
    if (this.#link < 0 && this.#from.seq > this.#seq) {
      this.#gap('truncated', [this.#seq + 1, this.#from.seq], this.#head.epoch);
    }
    for (const entry of entries) {
      this.#reach(entry.seq - 1);
      this.#seq = entry.seq;
      this.#cursor = {
        epoch: entry.epoch,
        seq: entry.seq,
        confirmed: Math.floor(entry.at / 1000),
      };
      this.#steps.push({ kind: 'entry', entry });
    }
    if (exhausted) {
      this.#reach(this.#head.seq);
      this.#cursor = this.#head;
    }
    return { steps: this.#steps, cursor: this.#cursor };
  }

  /** Everything up to `target` is behind the subscriber: what is not in the log was trimmed. */
  #reach(target: number): void {
    for (let end = this.#end; end !== undefined && end <= target; end = this.#end) {
      this.#trimmed(end);
      this.#leave();
    }
    this.#trimmed(target);
  }

  /** Where the link ends in which the subscriber is; undefined in the current epoch. */
  get #end(): number | undefined {
    return this.#link < 0 ? undefined : this.#history.chain[this.#link]?.limit;
  }

  #trimmed(to: number): void {
    if (to <= this.#seq) return;
    const from = this.#seq + 1;
    this.#seq = to;
    const inside = this.#link === this.#start ? this.#from.epoch : this.#epoch;
    this.#gap('trimmed', [from, to], inside);
  }

  /**
   * Leaves every epoch that ends here. What was lost behind this place is one gap, whether the
   * subscriber had some of it or not and whichever epochs it was in: between two gaps it would
   * have to stand at a position, and none could say how much of the loss it has been told.
   */
  #leave(): void {
    let [from, to] = [Number.POSITIVE_INFINITY, 0];
    const had = this.#link === this.#start ? this.#from.seq : 0;
    const taken = had > this.#seq;
    for (let end = this.#end; end !== undefined && end <= this.#seq; end = this.#end) {
      const { known } = this.#history.chain[this.#link] as ChainLink;
      const last = this.#link === this.#start ? Math.max(known, had) : known;
      if (last > end) [from, to] = [Math.min(from, end + 1), Math.max(to, last)];
      this.#link -= 1;
    }
    if (to > 0) this.#gap(taken ? 'truncated' : 'lost', [from, to], this.#epoch);
  }

  /** The epoch in which the subscriber is, once it has left the one that it came with. */
  get #epoch(): string {
    return this.#history.chain[this.#link]?.epochs[0] ?? this.#history.epoch;
  }

  #gap(reason: LogGapReason, [from, to]: readonly [number, number], epoch: string): void {
    const there = { epoch, seq: this.#seq, confirmed: this.#from.confirmed };
    const atHead = epoch === this.#head.epoch && there.seq === this.#head.seq;
    const position = atHead ? this.#head : there;
    this.#cursor = position;
    this.#steps.push({ kind: 'gap', gap: { reason, from, to, position } });
  }
}
