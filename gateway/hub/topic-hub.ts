import type { Clock, Random } from '../../protocol/clock.ts';
import type { Position } from '../../protocol/position.ts';
import type { HubSettings } from '../settings/declaration.ts';
import type { PageLimit, Stream, StreamEvent, StreamListener } from '../stream/stream.ts';
import { CatchUp, type CatchUpContext } from './catch-up.ts';
import type { HubCounts } from './counts.ts';
import { batchOf, positionOf } from './deliveries.ts';
import type { Hub, Outlet, Start } from './hub.ts';
import { attach, detach, findSubscription, subscriptionsOf } from './outlet-notes.ts';
import { Outlets } from './outlets.ts';
import { Pump, type Resumes } from './pump.ts';
import { Recent, RecentBudget } from './recent.ts';
import {
  behindAt,
  type Confirmation,
  type LogReads,
  type Pending,
  Subscription,
  Topic,
} from './topic.ts';
import { Turn } from './turn.ts';

export interface HubOptions {
  readonly stream: Stream;
  readonly settings: HubSettings;
  /** How much is read from the log at a time, and given to a subscriber in one step. */
  readonly page: PageLimit;
  readonly clock: Clock;
  readonly random: Random;
  readonly counts: HubCounts;
}

/** What the hub has at this moment. */
export interface HubState {
  /** Followed, lingering ones included. */
  readonly topics: number;
  readonly subscriptions: number;
  /** Outlets with at least one subscription. */
  readonly outlets: number;
  /** Outlets that had no room and were not drained since. */
  readonly slow: number;
  /** Memory of recent entries, bytes. */
  readonly recentBytes: number;
  /** Since the start. */
  readonly resumes: Readonly<Resumes>;
}

/**
 * The hub over a stream. Deliveries happen in turns only (`Turn`), never inside a call to the hub
 * or from the stream; so an outlet may call the hub from `deliver` and `flush`.
 */
export class TopicHub implements Hub, StreamListener {
  readonly #options: HubOptions;
  readonly #topics = new Map<string, Topic>();
  readonly #confirmation: Confirmation = { second: 0, serial: 0 };
  readonly #outlets: Outlets;
  readonly #budget: RecentBudget;
  readonly #pump: Pump;
  readonly #turn: Turn;
  readonly #catchUpContext: CatchUpContext;
  /** Topics of which the stream said something in this turn. */
  #fresh: Topic[] = [];
  #subscriptions = 0;
  #stale = false;
  /** Somebody may not know yet whether the stream is stale. */
  #staleNews = false;

  constructor(options: HubOptions) {
    this.#options = options;
    const { clock, counts, settings } = options;
    this.#outlets = new Outlets(counts);
    this.#budget = new RecentBudget(settings);
    this.#turn = new Turn(clock, settings.coalesceMs, () => this.#work());
    this.#pump = new Pump({
      ...{ clock, counts, page: options.page, outlets: this.#outlets },
      catchUp: (topic) => this.#catchUpOf(topic),
      wake: () => this.#turn.request(),
      end: (subscription) => this.#end(subscription),
    });
    this.#catchUpContext = {
      ...{ clock, counts, page: options.page, stream: options.stream, random: options.random },
      budget: this.#budget,
      openTimeoutMs: settings.openTimeoutMs,
      catchUpTimeoutMs: settings.catchUpTimeoutMs,
      ready: (subscription) => this.#pump.ready(subscription),
      reads: (catchUp) => this.#pump.reads(catchUp),
      keeps: (catchUp) => this.#pump.keeps(catchUp),
    };
  }

  get state(): HubState {
    return {
      topics: this.#topics.size,
      subscriptions: this.#subscriptions,
      outlets: this.#outlets.size,
      slow: this.#outlets.full,
      recentBytes: this.#budget.bytes,
      resumes: this.#pump.resumes,
    };
  }

  subscribe(outlet: Outlet, topic: string, { from, request }: Start): void {
    const older = findSubscription(outlet, topic);
    const subscription = new Subscription(outlet, this.#follow(topic));
    subscription.behind = behindAt(from, request);
    subscription.topic.count += 1;
    this.#subscriptions += 1;
    attach(subscription);
    if (older !== undefined) this.#drop(older);
    this.#outlets.join(outlet);
    if (this.#stale) this.#staleNews = true;
    this.#pump.ready(subscription);
  }

  unsubscribe(outlet: Outlet, topic: string): number | undefined {
    const subscription = findSubscription(outlet, topic);
    if (subscription === undefined) return undefined;
    const unanswered = subscription.behind?.request ?? 0;
    this.#end(subscription);
    return unanswered;
  }

  leave(outlet: Outlet): void {
    for (const subscription of subscriptionsOf(outlet)) this.#drop(subscription);
    this.#outlets.forget(outlet);
  }

  positions(outlet: Outlet): Map<string, Position> {
    const positions = new Map<string, Position>();
    for (const { topic, behind } of subscriptionsOf(outlet)) {
      const position = behind === undefined ? topic.told : behind.cursor;
      if (position !== undefined) positions.set(topic.name, position);
    }
    return positions;
  }

  confirmed(outlet: Outlet, olderThan: number): Map<string, Position> {
    const positions = new Map<string, Position>();
    for (const { topic, behind } of subscriptionsOf(outlet)) {
      const { told } = topic;
      if (behind !== undefined || told === undefined || topic.changed >= olderThan) continue;
      if (told.confirmed > topic.changed) positions.set(topic.name, told);
    }
    return positions;
  }

  subscribers(name: string): readonly Outlet[] {
    const topic = this.#topics.get(name);
    if (topic === undefined || topic.count === 0) return [];
    const live = topic.liveOutlets();
    if (live.length === topic.count) return live;
    // Who is behind is known by its own notes alone.
    return this.#outlets.all().filter((outlet) => findSubscription(outlet, name) !== undefined);
  }

  drained(outlet: Outlet): void {
    if (!this.#outlets.drain(outlet)) return;
    for (const subscription of subscriptionsOf(outlet)) {
      if (subscription.behind?.at === 'held') this.#pump.ready(subscription);
    }
    this.#staleNews = true;
    this.#turn.request();
  }

  flush(): void {
    this.#turn.flush();
  }

  /** Ends everything without a word: no topic is followed and no timer runs afterwards. */
  stop(): void {
    this.#turn.stop();
    for (const topic of this.#topics.values()) this.#unfollow(topic);
  }

  onStream(event: StreamEvent): void {
    switch (event.type) {
      case 'opened':
        this.#onOpened(event.topic, event.head);
        break;
      case 'entries':
        this.#onEntries(event.topic, event.entries);
        break;
      case 'gap':
        this.#note(event.topic, { kind: 'gap', gap: event.gap });
        break;
      case 'epoch':
        this.#note(event.topic, { kind: 'epoch', head: event.head });
        break;
      case 'confirmed':
        this.#onConfirmed(event.second);
        break;
      case 'stale':
        this.#stale = event.stale;
        this.#staleNews = true;
        this.#turn.request();
        break;
      case 'superseded':
        // Whoever opened the session hears of it from the stream too.
        break;
      default:
        event satisfies never;
    }
  }

  #onOpened(name: string, head: Position): void {
    const topic = this.#topics.get(name);
    if (topic === undefined) return;
    topic.told = head;
    topic.catchUp?.moved();
  }

  #onEntries(name: string, entries: StreamEntries): void {
    const pending = this.#topics.get(name)?.pending?.at(-1);
    if (pending?.kind === 'entries') for (const entry of entries) pending.entries.push(entry);
    else this.#note(name, { kind: 'entries', entries: [...entries] });
  }

  #note(name: string, pending: Pending): void {
    const topic = this.#topics.get(name);
    if (topic === undefined) return;
    if (topic.pending === undefined) {
      topic.pending = [pending];
      this.#fresh.push(topic);
      this.#turn.request();
    } else {
      topic.pending.push(pending);
    }
  }

  /** What is pending was told before that second, so it must be handed out before it counts. */
  #onConfirmed(second: number): void {
    if (this.#fresh.length > 0) this.#turn.flush();
    this.#confirmation.second = second;
    this.#confirmation.serial += 1;
  }

  /** One turn. True: there is more to do, or outlets made more while they were served. */
  #work(): boolean {
    const fresh = this.#fresh;
    this.#fresh = [];
    for (const topic of fresh) this.#handOut(topic);
    if (this.#staleNews) {
      this.#staleNews = false;
      this.#outlets.tell(this.#stale);
    }
    this.#pump.run();
    this.#outlets.flush();
    return this.#pump.busy || this.#staleNews || this.#fresh.length > 0;
  }

  #handOut(topic: Topic): void {
    const { pending } = topic;
    topic.pending = undefined;
    if (pending === undefined || topic.dropped) return;
    for (const item of pending) {
      if (item.kind === 'entries') this.#handOutEntries(topic, item.entries);
      else this.#handOutBreak(topic, item);
    }
    topic.catchUp?.moved();
  }

  #handOutEntries(topic: Topic, entries: StreamEntries): void {
    const last = entries.at(-1);
    if (last === undefined) return;
    topic.recent ??= new Recent(topic.told ?? positionOf(last));
    this.#budget.append(topic.recent, entries);
    topic.told = positionOf(last);
    if (topic.live === undefined) return;
    const outlets = this.#outlets.fan(topic, batchOf(topic.name, entries));
    this.#options.counts.delivered(outlets, entries.length);
  }

  /** Memory never reaches across a break: the log alone knows what a cursor before it missed. */
  #handOutBreak(topic: Topic, item: Exclude<Pending, { kind: 'entries' }>): void {
    const head = item.kind === 'gap' ? item.gap.position : item.head;
    if (topic.recent !== undefined) this.#budget.clear(topic.recent, head);
    topic.told = head;
    if (item.kind === 'epoch' || topic.live === undefined) return;
    const outlets = this.#outlets.fan(topic, { kind: 'gap', topic: topic.name, gap: item.gap });
    this.#options.counts.gap(item.gap.reason, outlets);
  }

  #follow(name: string): Topic {
    let topic = this.#topics.get(name);
    if (topic === undefined) {
      topic = new Topic(name, this.#confirmation);
      this.#topics.set(name, topic);
      this.#options.stream.follow(name);
    }
    topic.timer?.cancel();
    topic.timer = undefined;
    return topic;
  }

  #unfollow(topic: Topic): void {
    topic.timer?.cancel();
    topic.dropped = true;
    topic.catchUp?.stop();
    if (topic.recent !== undefined) this.#budget.clear(topic.recent, NOWHERE);
    this.#topics.delete(topic.name);
    this.#options.stream.unfollow(topic.name);
  }

  #catchUpOf(topic: Topic): LogReads {
    topic.catchUp ??= new CatchUp(topic, this.#catchUpContext);
    return topic.catchUp;
  }

  /** Ends a subscription of an outlet that stays. */
  #end(subscription: Subscription): void {
    this.#drop(subscription);
    detach(subscription);
    if (subscriptionsOf(subscription.outlet)[Symbol.iterator]().next().done === true) {
      this.#outlets.rest(subscription.outlet);
    }
  }

  /** Ends a subscription on the topic's side. */
  #drop(subscription: Subscription): void {
    const { topic } = subscription;
    if (subscription.behind === undefined) {
      if (subscription.place < 0) return;
      topic.remove(subscription);
    } else {
      topic.catchUp?.release(subscription);
      subscription.behind = undefined;
    }
    topic.count -= 1;
    this.#subscriptions -= 1;
    if (topic.count > 0) return;
    const { lingerMs } = this.#options.settings;
    if (lingerMs === 0) this.#unfollow(topic);
    else topic.timer = this.#options.clock.after(lingerMs, () => this.#unfollow(topic));
  }
}

type StreamEntries = Extract<StreamEvent, { type: 'entries' }>['entries'];

/** Where the memory of a topic is that is no longer followed. */
const NOWHERE: Position = { epoch: '', seq: 0, confirmed: 0 };
