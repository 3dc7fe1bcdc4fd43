import { shardOf } from '../../protocol/ring.ts';
import type { FleetView } from '../contract.ts';
import { Ledger } from './ledger.ts';
import { type Stamp, type Topic, topics } from './messages.ts';
import { Participant, type Person, publisherName, type Received } from './participant.ts';
import { Rate, Recent } from './rates.ts';
import type { PlacedDot } from './ring-view.ts';
import { wander } from './walk.ts';

/** What the crowd tells the page. */
export interface CrowdOwner {
  /** A message that reached this page's own client, the one called you. */
  onMessage(received: Received): void;
  onGap(person: Person, topic: string, reason: string): void;
  /** `moved` clients were without a gateway, and all are connected again after `seconds`. */
  onReunited(moved: number, seconds: number): void;
  onConnections(): void;
  /** So many clients went to another gateway without a break, and for a while nobody more. */
  onMoved(count: number): void;
}

export interface Figures {
  readonly delivered: number;
  readonly lost: number;
  readonly duplicated: number;
  readonly underWay: number;
  readonly gaps: number;
  readonly reconnects: number;
  readonly moves: number;
}

interface TopicRates {
  readonly published: Rate;
  readonly delivered: Rate;
  seq: number;
}

/** Simulated participants at first and at most; browsers allow some 200 WebSockets of a page. */
const FIRST = 11;
const MORE = 6;
const MOST = 60;
/** Cursor messages per second of the whole page; with more participants each sends fewer. */
const CURSORS_PER_SECOND = 44;
const CURSOR_INTERVAL_MIN_MS = 250;
/** Of your own cursor. */
const YOUR_INTERVAL_MS = 60;
const BURST = 300;
/** Clients move one by one: it is told of all when nobody moved for so long. */
const QUIET_MS = 1_500;

/** Their shards lie all around the ring. */
const NAMES = [
  'crab',
  'fox',
  'wolf',
  'wasp',
  'moth',
  'egret',
  'trout',
  'bee',
  'hare',
  'newt',
  'teal',
  'perch',
  'deer',
  'stoat',
  'lark',
  'kite',
];

/** Everybody on this page: you, and simulated others, each with a client of their own. */
export class Crowd {
  readonly #owner: CrowdOwner;
  readonly #ledger = new Ledger();
  readonly #page = crypto.randomUUID().slice(0, 8);
  readonly #members: Participant[] = [];
  readonly #rates = new Map<Topic, TopicRates>();
  readonly #delays = new Recent();
  #fleet: FleetView | undefined;
  #gaps = 0;
  #yourPublish = 0;
  /** Those who lost their gateway since all were last connected, and when the first did. */
  readonly #separated = new Set<string>();
  #separatedAt = 0;
  /** Who moved since that was last told. */
  #moved = 0;
  #tellMoved: ReturnType<typeof setTimeout> | undefined;

  constructor(owner: CrowdOwner) {
    this.#owner = owner;
    for (const topic of Object.values(topics)) {
      this.#rates.set(topic, { published: new Rate(), delivered: new Rate(), seq: 0 });
    }
  }

  get size(): number {
    return this.#members.length;
  }

  get full(): boolean {
    return this.#members.length >= MOST;
  }

  get yourKey(): string | undefined {
    return this.#members[0]?.person.key;
  }

  /** Whether a message comes from this page, not from another one on the same gateways. */
  isOurs({ page }: Stamp): boolean {
    return page === this.#page;
  }

  onFleet(fleet: FleetView): void {
    this.#fleet = fleet;
    this.#tellReunited();
  }

  async open(): Promise<void> {
    await this.#join({ name: 'you', colour: 'hsl(172 66% 50%)', you: true });
    await this.#grow(FIRST);
  }

  /** Adds some; resolves to how many. */
  async more(): Promise<number> {
    return this.#grow(Math.min(MORE, MOST - this.#members.length));
  }

  /** Publishes a burst; resolves when all of it is acknowledged. */
  async burst(): Promise<{ count: number; seconds: number }> {
    const started = performance.now();
    const you = this.#members[0];
    await Promise.all(Array.from({ length: BURST }, () => you?.publish(topics.burst, {})));
    return { count: BURST, seconds: (performance.now() - started) / 1000 };
  }

  /** Your cursor moved. */
  point(x: number, y: number, click: boolean): void {
    const now = performance.now();
    if (!click && now - this.#yourPublish < YOUR_INTERVAL_MS) return;
    this.#yourPublish = now;
    const you = this.#members[0];
    if (you?.stuck === false) void this.#publishCursor(you, { x, y, click });
  }

  /** Publishes what the page measured in the last second. */
  async report(): Promise<void> {
    const now = performance.now();
    const [delayMedian = 0, delayHigh = 0] = this.#delays.take([0.5, 0.99]) ?? [];
    let published = 0;
    let delivered = 0;
    for (const rates of this.#rates.values()) {
      published += rates.published.perSecond(now);
      delivered += rates.delivered.perSecond(now);
    }
    const sample = { published, delivered, delayMedian, delayHigh };
    const you = this.#members[0];
    if (you?.stuck === false) await you.publish(topics.dashboard, sample);
  }

  figures(): Figures {
    const reconnects = this.#members.reduce((sum, member) => sum + member.reconnects, 0);
    const moves = this.#members.reduce((sum, member) => sum + member.moves, 0);
    return { ...this.#ledger.counts(performance.now()), gaps: this.#gaps, reconnects, moves };
  }

  topicRows(): { topic: string; published: number; delivered: number; seq: number }[] {
    const now = performance.now();
    return [...this.#rates].map(([topic, { published, delivered, seq }]) => ({
      topic,
      published: published.perSecond(now),
      delivered: delivered.perSecond(now),
      seq,
    }));
  }

  /** The key of a connection is the name of who it belongs to. */
  dots(): PlacedDot[] {
    return this.#members.map(({ person, port }) => {
      return { ...person, port, shard: shardOf(person.name) };
    });
  }

  async #grow(count: number): Promise<number> {
    const before = this.#members.length;
    const joining = Array.from({ length: count }, (_, index) => {
      const number = before + index - 1;
      const name = NAMES[number % NAMES.length] ?? 'guest';
      const round = Math.floor(number / NAMES.length);
      const colour = `hsl(${Math.round(200 + number * 137.5) % 360} 78% 66%)`;
      return this.#join({ name: round === 0 ? name : `${name} ${round + 1}`, colour, you: false });
    });
    await Promise.all(joining);
    return count;
  }

  async #join(about: Omit<Person, 'key'>): Promise<void> {
    const index = this.#members.length;
    const person: Person = { ...about, key: `${this.#page}-${index}` };
    const member = new Participant(person, {
      page: this.#page,
      ledger: this.#ledger,
      publishers: (topic) => this.#members.map((other) => publisherName(other.person, topic)),
      choosePort: () => this.#choosePort(),
      onMessage: (who, received) => this.#onMessage(who, received),
      onGap: (who, topic, reason) => {
        this.#gaps += 1;
        this.#owner.onGap(who, topic, reason);
      },
      onConnection: (who) => this.#onConnection(who),
      onMoved: () => this.#onMoved(),
      onPublished: (topic) => this.#rates.get(topic)?.published.add(performance.now()),
    });
    this.#members.push(member);
    const topicsOf = about.you ? Object.values(topics) : [topics.room, topics.burst];
    for (const other of this.#members) {
      for (const topic of Object.values(topics)) other.expect(person, topic);
    }
    await Promise.all(topicsOf.map((topic) => member.listen(topic)));
    if (!about.you) this.#wander(member, index);
  }

  /** Moves a simulated participant for as long as the page lives. */
  #wander(member: Participant, index: number): void {
    const step = () => {
      const { x, y } = wander(index, Date.now() / 1000);
      if (!member.stuck) void this.#publishCursor(member, { x, y, click: false });
      const fair = (this.#members.length / CURSORS_PER_SECOND) * 1000;
      setTimeout(step, Math.max(CURSOR_INTERVAL_MIN_MS, fair));
    };
    // Not all at the same moment.
    setTimeout(step, Math.random() * CURSOR_INTERVAL_MIN_MS);
  }

  #publishCursor(
    member: Participant,
    cursor: { readonly x: number; readonly y: number; readonly click: boolean },
  ): Promise<void> {
    const { name, colour } = member.person;
    const x = Math.round(cursor.x * 10_000) / 10_000;
    const y = Math.round(cursor.y * 10_000) / 10_000;
    return member.publish(topics.room, { name, colour, x, y, click: cursor.click });
  }

  /** As a load balancer would: of the gateways that run, the one with the fewest of ours. */
  #choosePort(): number {
    const gateways = this.#fleet?.gateways ?? [];
    const running = gateways.filter(({ condition }) => condition === 'running');
    const load = new Map<number, number>();
    for (const { triedPort } of this.#members) {
      load.set(triedPort, (load.get(triedPort) ?? 0) + 1);
    }
    const sorted = running.toSorted((a, b) => (load.get(a.port) ?? 0) - (load.get(b.port) ?? 0));
    return sorted[0]?.port ?? gateways[0]?.port ?? Number(location.port) + 1;
  }

  #onMessage(person: Person, received: Received): void {
    const now = performance.now();
    const rates = this.#rates.get(received.topic);
    rates?.delivered.add(now);
    if (rates !== undefined) rates.seq = Math.max(rates.seq, received.seq);
    if (received.data.page === this.#page) this.#delays.add(now - received.data.sent);
    if (person.you) this.#owner.onMessage(received);
  }

  #onConnection(person: Person): void {
    const member = this.#members.find((candidate) => candidate.person.key === person.key);
    if (member === undefined) return;
    if (member.port === undefined) {
      if (this.#separated.size === 0) this.#separatedAt = performance.now();
      this.#separated.add(person.key);
    }
    this.#tellReunited();
    this.#owner.onConnections();
  }

  #onMoved(): void {
    this.#moved += 1;
    clearTimeout(this.#tellMoved);
    this.#tellMoved = setTimeout(() => {
      this.#owner.onMoved(this.#moved);
      this.#moved = 0;
    }, QUIET_MS);
    this.#owner.onConnections();
  }

  /** Of a drain only when it is over: it takes its clients one by one. */
  #tellReunited(): void {
    if (this.#separated.size === 0) return;
    if (this.#members.some(({ port }) => port === undefined)) return;
    if (this.#fleet?.gateways.some(({ condition }) => condition === 'draining')) return;
    const seconds = (performance.now() - this.#separatedAt) / 1000;
    this.#owner.onReunited(this.#separated.size, seconds);
    this.#separated.clear();
  }
}
