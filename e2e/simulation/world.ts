import type { SocketLike } from '../../client/platform.ts';
import type { PeerAnswer } from '../../gateway/cut-off.ts';
import type { Log } from '../../gateway/stream/log.ts';
import { MemoryStore } from '../../gateway/stream/memory/memory-store.ts';
import type { Random } from '../../protocol/clock.ts';
import { pickOne, seeded } from '../../protocol/testing/chance.ts';
import { check } from '../history/checker.ts';
import type { Expectations } from '../history/verdict.ts';
import { worldFaults } from './faults.ts';
import { History } from './history.ts';
import { everySoOften, Homecoming } from './homecoming.ts';
import { MoveCutter } from './move-cutter.ts';
import { AWAY_MS, KEPT_FROZEN_MS, Nemesis } from './nemesis.ts';
import { Network } from './network.ts';
import type { Note, Outcome, WorldViolation } from './outcome.ts';
import { PackageSubscriber } from './package-subscriber.ts';
import type { Participant } from './participant.ts';
import { PlainSubscriber } from './plain-subscriber.ts';
import { populate } from './population.ts';
import { PublishLog } from './publisher.ts';
import { ringFaults } from './ring-faults.ts';
import type { Scene } from './scene.ts';
import { settingsFor, type WorldSettings } from './settings.ts';
import { Restless, SimulatedClock } from './simulated-clock.ts';
import { SimulatedGateway } from './simulated-gateway.ts';
import { StoreArbiter } from './store-arbiter.ts';
import { StoreNetwork } from './store-network.ts';
import { Tally } from './tally.ts';
import { WorldRing } from './world-ring.ts';

export interface WorldOptions {
  /** Gateways organise a ring, and clients follow it. Default: they do not. */
  readonly ring?: boolean;
  readonly spoilers?: Spoilers;
}

/** Bugs that are planted to see whether they are found. */
export interface Spoilers {
  readonly log?: (log: Log) => Log;
  readonly socket?: (socket: SocketLike) => SocketLike;
}

const SKEW_MS = 300_000;
const BEGIN_MS = 4_000;
/** What was begun takes effect within this; a replica that lags, once it takes over. */
const AFTERMATH_MS = 500;
/** After the last fault everybody is level within this. */
const LEVEL_MS = 15_000;
/** A client that is not frozen notices silence after two and a half heartbeats. */
const SILENCE_MS = 7_500;
const GATEWAYS_MS = 20;
const CALM_MS = 150;
const OPENED_MS = 400;
const RESTART_MS = 300;
/** One last message after the other, until everybody has the last one. */
const LAST_MS = 3_000;
const MAX_BYTES = 120;

/** Several gateways, their store and their clients, all in one seed. */
export class World implements Scene {
  readonly time = new SimulatedClock();
  readonly tally = new Tally();
  readonly topics: readonly string[];
  readonly settings: WorldSettings;
  readonly storeNetwork: StoreNetwork;
  readonly store: MemoryStore;
  readonly arbiter: StoreArbiter;
  readonly network: Network;
  readonly subscribers: PackageSubscriber[] = [];
  readonly participants: Participant[] = [];
  readonly #seed: number;
  readonly #random: Random;
  readonly #spoilers: Spoilers;
  readonly #history: History;
  readonly #publishes: PublishLog;
  readonly #nemesis: Nemesis;
  readonly #gateways = new Map<string, SimulatedGateway>();
  #addresses: readonly string[];
  readonly apart = new Set<string>();
  readonly ring: WorldRing | undefined;
  readonly cutter: MoveCutter | undefined;
  readonly #notes: Note[] = [];
  #lives = 0;
  /** Of the time in which bad things were done. */
  #start = 0;
  #end = 0;

  constructor(seed: number, { ring = false, spoilers = {} }: WorldOptions = {}) {
    this.#seed = seed;
    this.#spoilers = spoilers;
    const { time, tally } = this;
    // Neighbouring seeds must not give neighbouring worlds.
    const random = seeded(Math.imul(seed, 0x9e3779b1) ^ 0x5bd1e995);
    this.#random = random;
    this.settings = settingsFor(random, ring);
    const fewest = this.settings.expires ? 2 : 1;
    this.topics = ['a', 'b', 'c'].slice(0, fewest + Math.floor(random() * (4 - fewest)));
    this.#addresses = ['g0', 'g1', 'g2', 'g3'].slice(0, 2 + Math.floor(random() * 3));
    this.storeNetwork = new StoreNetwork(this.#fork(), tally);
    this.store = new MemoryStore({
      ...{ clock: time, random: this.#fork(), settings: this.settings.stream },
      network: this.storeNetwork,
    });
    this.network = new Network({ time, random: this.#fork(), tally });
    this.#history = new History(time, tally);
    const { recorder } = this.#history;
    this.arbiter = new StoreArbiter({ store: this.store, time, recorder });
    this.#history.onTrimmed = (topic) => this.arbiter.look(topic);
    this.#publishes = new PublishLog(this.#history);
    const common = worldFaults.filter(({ ringless = false }) => !ring || !ringless);
    const faults = ring ? [...common, ...ringFaults] : common;
    this.#nemesis = new Nemesis(this, this.#fork(), faults);
    if (this.settings.ring !== undefined) {
      const troubled = () => this.#start > 0 && this.#end === 0;
      const note = (text: string) => this.note(text);
      const parts = { time, settings: this.settings.ring, random: this.#fork(), troubled, note };
      this.ring = new WorldRing(parts);
      const nemesis = this.#nemesis;
      this.cutter = new MoveCutter({ world: this, nemesis, random: this.#fork(), troubled });
    }
    this.#populate();
  }

  get addresses(): readonly string[] {
    return this.#addresses;
  }

  get gateways(): SimulatedGateway[] {
    return [...this.#gateways.values()].filter(({ process }) => process.alive);
  }

  /** Tells the world from its beginning to its end, once, and judges it. */
  async run(): Promise<Outcome> {
    const late = this.participants.slice(2).filter(() => this.#random() < 0.2);
    try {
      await this.#begin(this.participants.filter((each) => !late.includes(each)));
      for (const each of late) if (each instanceof PackageSubscriber) each.start();
      this.#start = this.#history.t;
      await this.#disturb();
      this.#end = this.#history.t;
      await this.time.run(Math.max(this.time.now(), this.#nemesis.lagsUntil) + AFTERMATH_MS);
      await this.#settle();
      await this.#comeHome();
    } catch (error) {
      if (!(error instanceof Restless)) throw error;
      this.#unlevel = ['the world, which does not come to rest,'];
    }
    return this.#judge();
  }

  happened(what: string): void {
    this.tally.add(`fault ${what}`);
  }

  note(text: string): void {
    this.#notes.push({ t: this.#history.t, text });
  }

  abandon(address: string): void {
    this.#addresses = this.#addresses.filter((each) => each !== address);
  }

  startGateway(address: string): void {
    this.#lives += 1;
    if (!this.#addresses.includes(address)) this.#addresses = [...this.#addresses, address];
    const name = `${address}-${this.#lives}`;
    const gateway = new SimulatedGateway({
      ...{ name, address, time: this.time, random: this.#fork(), store: this.store },
      ...{ network: this.network, settings: this.settings, tally: this.tally },
      skewMs: (this.#random() * 2 - 1) * (this.settings.ring?.skewMs ?? SKEW_MS),
      peers: this.#addresses.filter((each) => each !== address),
      ask: (peer) => this.#ask(peer, address),
      ring: this.ring,
      spoil: this.#spoilers.log,
    });
    this.#gateways.set(address, gateway);
    this.network.listen(address, gateway);
    this.network.listen(name, gateway);
    this.note(`${name} starts`);
    void gateway.start().then((started) => {
      if (started || this.#gateways.get(address) !== gateway) return;
      this.time.after(RESTART_MS, () => {
        if (this.#gateways.get(address) === gateway) this.startGateway(address);
      });
    });
  }

  publishAtGateway(topic: string): void {
    const running = this.gateways.filter(({ process, ready }) => process.running && ready);
    if (running.length === 0) return;
    const bytes = Math.floor(this.#random() * MAX_BYTES);
    this.#publishes.byGateway(pickOne(running, this.#random), { topic, bytes });
  }

  publishBy({ name, client, process }: PackageSubscriber, topic: string): void {
    const bytes = Math.floor(this.#random() * MAX_BYTES);
    process.run(() => this.#publishes.byClient(name, client, { topic, bytes }));
  }

  #fork(): Random {
    return seeded(Math.floor(this.#random() * 2 ** 32));
  }

  #populate(): void {
    const people = populate({
      ...{ world: this, random: this.#random, history: this.#history },
      ...{ fork: () => this.#fork(), spoil: this.#spoilers.socket },
    });
    this.subscribers.push(...people.subscribers);
    this.participants.push(...people.plain, ...people.subscribers, ...people.crowd);
  }

  #beginPlain(participants: readonly Participant[]): void {
    const position = `${this.store.world().epoch}:0@0`;
    for (const each of participants) {
      if (each instanceof PlainSubscriber) each.began(position);
    }
  }

  #ask(peer: string, by: string): Promise<PeerAnswer> {
    const gateway = this.#gateways.get(peer);
    const apart = this.apart.has(peer) || this.apart.has(by);
    if (gateway === undefined || apart || !gateway.process.alive) return Promise.resolve('nobody');
    return Promise.race([
      gateway.process.gate(gateway.stream.probe()).then(
        () => 'reached' as const,
        () => 'not_reached' as const,
      ),
      new Promise<PeerAnswer>((resolve) => {
        this.time.after(this.settings.cutOffMs, () => resolve('nobody'));
      }),
    ]);
  }

  /** Somebody publishes, again and again, until the end. */
  #traffic(): void {
    const random = this.#fork();
    const quickest = pickOne([3, 10, 40], random);
    const publish = () => {
      if (this.#settling) return;
      this.time.after(quickest + random() * 8 * quickest, publish);
      // Where topics are forgotten, one of them is given the time for it.
      const topic = pickOne(this.settings.expires ? this.topics.slice(1) : this.topics, random);
      if (random() < 0.4) {
        this.publishAtGateway(topic);
        return;
      }
      const subscriber = pickOne(this.subscribers, random);
      const times = pickOne([1, 1, 3], random);
      for (let each = 0; each < times; each += 1) this.publishBy(subscriber, topic);
    };
    publish();
  }

  #settling = false;
  /** Who was not level in the end. */
  #unlevel: string[] = [];

  async #disturb(): Promise<void> {
    const { expires, forgets } = this.settings;
    if (expires) this.#nemesis.sendAway();
    if (forgets) this.#nemesis.keepFrozen();
    const awayMs = forgets ? KEPT_FROZEN_MS : expires ? AWAY_MS : 0;
    const until = this.time.now() + awayMs;
    const fewest = this.ring === undefined ? 2 : 4;
    const faults = fewest + Math.floor(this.#random() * 8);
    for (let each = 0; each < faults; each += 1) {
      this.#nemesis.act();
      await this.time.run(this.time.now() + this.#random() ** 2 * 1_500);
    }
    await this.time.run(until);
    this.#nemesis.heal();
    this.note('everything is healed');
  }

  /** Everybody is there, every topic is born, and nothing is wrong yet. */
  async #begin(early: readonly Participant[]): Promise<void> {
    const [first = '', ...others] = this.#addresses;
    this.startGateway(first);
    for (const address of others) this.#startSoon(address);
    await this.time.run(GATEWAYS_MS);
    for (const each of early) each.start();
    await this.time.run(BEGIN_MS, () => early.every(({ begun }) => begun));
    if (!early.every(({ begun }) => begun)) throw new Error('the world did not begin');
    // A plain client is told nothing: by now its topics are open, and its cursors saved.
    await this.time.run(this.time.now() + OPENED_MS);
    this.#beginPlain(early);
    for (const topic of this.topics) this.publishAtGateway(topic);
    this.#traffic();
    await this.time.run(this.time.now() + CALM_MS);
  }

  /** Where there is a ring, some come when the others have theirs already. */
  #startSoon(address: string): void {
    const { heartbeatMs = 0 } = this.settings.ring ?? {};
    const delayMs = heartbeatMs === 0 ? 0 : pickOne([0, 5, 8], this.#random) * heartbeatMs;
    if (delayMs === 0) this.startGateway(address);
    else this.time.after(delayMs, () => this.startGateway(address));
  }

  /** A last message for every topic, and everybody reads up to it. */
  async #settle(): Promise<void> {
    this.#settling = true;
    const until = this.time.now() + LEVEL_MS;
    await this.time.run(
      until,
      everySoOften(this.time, () => this.gateways.some((each) => each.ready)),
    );
    const level = () => this.#publishes.open === 0 && this.participants.every(this.#isLevel);
    while (this.time.now() < until && !level()) {
      for (const topic of this.topics) this.publishAtGateway(topic);
      await this.time.run(
        Math.min(until, this.time.now() + LAST_MS),
        everySoOften(this.time, level),
      );
    }
    this.#unlevel = this.participants
      .filter((each) => !this.#isLevel(each))
      .map(({ name }) => name);
    if (this.#publishes.open > 0) this.#unlevel.push('a publish');
  }

  /** Who can move gets home, while a message comes now and then; then all are level once more. */
  async #comeHome(): Promise<void> {
    if (this.ring === undefined || this.#unlevel.length > 0) return;
    const { time, ring } = this;
    const clients = this.participants.filter((each) => each instanceof PackageSubscriber);
    const everybody = { ring, time, clients, gateways: () => this.gateways };
    await new Homecoming(everybody).wait(() => {
      for (const topic of this.topics) this.publishAtGateway(topic);
    });
    await this.#settle();
  }

  readonly #isLevel = (participant: Participant): boolean =>
    participant.connected &&
    participant.topics.every((topic) => {
      const head = this.arbiter.head(topic);
      const place = participant.place(topic);
      return place?.seq === head?.seq && place?.epoch === head?.epoch;
    });

  #judge(): Outcome {
    this.#publishes.conclude();
    this.arbiter.conclude();
    const { recorder, t } = this.#history;
    const evidence = { faults: this.#notes.length };
    recorder.write({
      kind: 'fault',
      fault: 'nemesis',
      target: 'world',
      start: this.#start,
      end: this.#end,
      evidence,
    });
    recorder.write({ kind: 'quiet', t, absent: [] });
    const expect: Expectations = {
      mayLose: this.#nemesis.lossy,
      mayForget: this.settings.expires,
      mayTrim: this.settings.trims,
      silenceMs: SILENCE_MS + (this.settings.expires ? AWAY_MS : 0),
      catchUpMs: LEVEL_MS,
      authorityMs: 0,
      perPhase: 0,
    };
    const { records } = recorder;
    const { violations: found, figures } = check(records, expect);
    const broken = [...this.#publishes.broken, ...(this.ring?.judge() ?? [])];
    const violations: WorldViolation[] = [...found, ...broken];
    for (const name of this.#unlevel) {
      const detail = `was not level ${LEVEL_MS} ms after everything was healed`;
      violations.push({ invariant: 'I9', subscriber: name, detail });
    }
    this.tally.add('worlds');
    if (expect.mayLose) this.tally.add('worlds that lost');
    return {
      ...{
        seed: this.#seed,
        ring: this.ring !== undefined,
        violations,
        figures,
        tally: this.tally,
        records,
        notes: this.#notes,
        expect,
      },
      ...{ events: this.time.events, simulatedMs: this.time.now() },
    };
  }
}
