import type { Random } from '../../protocol/clock.ts';
import { pickOne } from '../../protocol/testing/chance.ts';
import type { Scene } from './scene.ts';
import { FORGETFUL_S } from './settings.ts';
import type { SimulatedGateway } from './simulated-gateway.ts';

/** What can be done to a world; each returns whether it could be done now. */
export interface Fault {
  readonly name: string;
  readonly weight: number;
  /** Where gateways have no ring, and must be told by us where clients belong. */
  readonly ringless?: boolean;
  readonly inflict: (nemesis: Nemesis, world: Scene) => boolean;
}

/** Until a replica that stopped following takes over, or the master restarts before that. */
const LAG_MS = 400;
/** Longer than a topic of a world that forgets is remembered. */
export const AWAY_MS = 7_000;
/** An id is surely forgotten after two windows. */
export const KEPT_FROZEN_MS = 2_000 * FORGETFUL_S + 1_000;

/**
 * Does bad things to a world, one after the other, many at a time. What it does heals by itself
 * after a while, and all of it at the end.
 *
 * Acknowledged messages are only lost where somebody is left to tell of them: not those that a
 * gateway acknowledged which then died, froze or was cut off. Of these nobody can know.
 */
export class Nemesis {
  readonly #world: Scene;
  readonly #random: Random;
  readonly #faults: readonly Fault[];
  readonly #healing = new Set<() => void>();
  /** Nothing may happen to gateways before this: they are to report what they knew. */
  #quietUntil = 0;
  /** Gateways that are frozen, cut off or leaving: they would not report. */
  #unable = 0;
  /** Entries up to here may have been acknowledged by a gateway that cannot report. */
  #witnessed = new Map<string, number>();
  /** Acknowledged messages may have been lost. */
  lossy = false;
  /** Until then a replica lags that will take over. */
  lagsUntil = 0;

  constructor(world: Scene, random: Random, faults: readonly Fault[]) {
    this.#world = world;
    this.#random = random;
    this.#faults = faults;
  }

  /** One bad thing. */
  act(): void {
    const total = this.#faults.reduce((sum, { weight }) => sum + weight, 0);
    let chance = this.#random() * total;
    for (const { name, weight, inflict } of this.#faults) {
      chance -= weight;
      if (chance > 0) continue;
      if (inflict(this, this.#world)) this.#world.happened(name);
      return;
    }
  }

  /** Everything that is still broken is made good. */
  heal(): void {
    for (const undo of [...this.#healing]) undo();
    this.#world.storeNetwork.heal();
    this.#world.ring?.heal();
    this.#world.cutter?.disarm();
    this.#world.network.refused = 0;
    this.#world.network.unanswered = 0;
  }

  kill(silently: boolean, gateway = this.victim(), comesBack = true): boolean {
    if (gateway === undefined) return false;
    this.#noteWitnesses();
    gateway.kill(silently);
    this.#world.note(`${gateway.name} is killed`);
    if (!comesBack) return true;
    this.undoAfter(this.between(50, 1_500), () => this.#world.startGateway(gateway.address));
    return true;
  }

  freezeGateway(gateway = this.victim(), ms = this.between(50, 4_000)): boolean {
    if (gateway === undefined) return false;
    this.#noteWitnesses();
    this.#unable += 1;
    gateway.process.freeze();
    this.#world.note(`${gateway.name} is frozen`);
    this.undoAfter(ms, () => {
      this.#unable -= 1;
      gateway.process.thaw();
      this.#world.note(`${gateway.name} is thawed`);
    });
    return true;
  }

  drain(gateway = this.victim(), comesBack = true): boolean {
    if (gateway === undefined) return false;
    this.#unable += 1;
    this.#world.note(`${gateway.name} drains`);
    const ended = () => {
      this.#unable -= 1;
      this.#noteWitnesses();
      if (comesBack) this.#world.startGateway(gateway.address);
    };
    void gateway.drain().then(ended);
    return true;
  }

  sendElsewhere(): boolean {
    const [from, to] = [this.victim(), this.victim()];
    if (from === undefined || to === undefined || from === to) return false;
    from.sendClients(to);
    this.#world.note(`clients of ${from.name} belong to ${to.name}`);
    this.undoAfter(this.between(300, 4_000), () => from.sendClients(undefined));
    return true;
  }

  cut(whom: 'one' | 'all', one = this.victim()): boolean {
    if (one === undefined) return false;
    const names = whom === 'one' ? [one.name] : this.#world.gateways.map(({ name }) => name);
    this.#noteWitnesses();
    this.#unable += 1;
    for (const name of names) this.#world.store.cut(name);
    this.#world.note(`${names.join(', ')} cut off from the store`);
    this.undoAfter(this.between(50, 3_000), () => {
      this.#unable -= 1;
      for (const gateway of this.#world.gateways) {
        if (gateway.process.alive && names.includes(gateway.name)) {
          this.#world.store.heal(gateway.name);
        }
      }
      this.#world.note(`${names.join(', ')} reach the store again`);
    });
    return true;
  }

  restartStore(): boolean {
    if (this.#world.time.now() < this.#quietUntil) return false;
    this.#restart();
    return true;
  }

  #restart(): void {
    this.#world.store.failover();
    this.#world.note('the store was restarted');
  }

  /** A client publishes and hears no answer; then the store loses what it published. */
  loseUnheard(): boolean {
    if (!this.#mayLose) return false;
    const subscriber = pickOne(this.#world.subscribers, this.#random);
    const { name } = subscriber;
    const lines = this.#world.network.lines.filter((line) => line.clientName === name);
    for (const line of lines) line.swallow('down');
    this.#world.note(`${name} hears no answers`);
    const topic = pickOne(this.#world.topics, this.#random);
    this.#world.publishBy(subscriber, topic);
    const lagMs = this.between(20, 100);
    this.#lagsFor(lagMs);
    const comesBack = this.#random() < 0.5;
    this.#world.time.after(lagMs, () => {
      this.#loseEndOf(topic);
      // Before it has published more, or long after that.
      if (comesBack) for (const line of lines) line.break();
    });
    return lines.length > 0;
  }

  /** The newest entries of one topic are lost. */
  loseEnd(): boolean {
    if (!this.#mayLose) return false;
    return this.#loseEndOf(pickOne(this.#world.topics, this.#random));
  }

  #loseEndOf(topic: string): boolean {
    const head = this.#world.arbiter.head(topic)?.seq ?? 0;
    const unreported = this.#witnessed.get(topic) ?? 0;
    const count = Math.min(head - unreported, Math.floor(this.between(1, 8)));
    if (count <= 0) return false;
    this.#world.store.failoverLosing(topic, count);
    this.#world.note(`the store lost the last ${count} of ${topic}`);
    this.#lost();
    return true;
  }

  /** A replica takes over that was behind in everything, so many restarts included. */
  fallBack(restarts: number): boolean {
    // What was told as trimmed must not be taken back, or nobody could judge it.
    if (!this.#mayLose || this.#world.settings.trims) return false;
    const replica = this.#world.store.snapshot();
    let lagMs = this.between(5, LAG_MS);
    for (let each = 0; each < restarts; each += 1) {
      this.#world.time.after(lagMs, () => this.#restart());
      lagMs += this.between(5, LAG_MS);
    }
    this.#lagsFor(lagMs);
    this.#world.note(`a replica stops following`);
    this.#world.time.after(lagMs, () => {
      this.#world.store.failover(replica);
      this.#world.note(`the store fell back by ${Math.round(lagMs)} ms`);
      this.#lost();
    });
    return true;
  }

  disturbBells(): boolean {
    if (this.#world.time.now() < this.#quietUntil) return false;
    const { storeNetwork } = this.#world;
    storeNetwork.bellsLost = pickOne([0, 0.1, 0.5, 1], this.#random);
    storeNetwork.bellsRepeated = pickOne([0, 0.3], this.#random);
    storeNetwork.bellsLate = pickOne([0, 0.3, 1], this.#random);
    this.#world.note('bells are disturbed');
    // Who hears no bells cannot prove its connection, and reports nothing before it has.
    const deaf = storeNetwork.bellsLost > 0 ? 1 : 0;
    if (deaf > 0) this.#noteWitnesses();
    this.#unable += deaf;
    this.undoAfter(this.between(300, 3_000), () => {
      this.#unable -= deaf;
      storeNetwork.bellsLost = 0;
      storeNetwork.bellsRepeated = 0;
      storeNetwork.bellsLate = 0;
    });
    return true;
  }

  disturbRequests(): boolean {
    if (this.#world.time.now() < this.#quietUntil) return false;
    const { storeNetwork } = this.#world;
    storeNetwork.refused = pickOne([0, 0.2, 0.8], this.#random);
    storeNetwork.repliesLost = pickOne([0, 0.1, 0.2], this.#random);
    storeNetwork.slowMs = pickOne([0, 60, 300], this.#random);
    this.#noteWitnesses();
    this.#unable += 1;
    this.#world.note('requests to the store are disturbed');
    this.undoAfter(this.between(100, 2_000), () => {
      this.#unable -= 1;
      storeNetwork.refused = 0;
      storeNetwork.repliesLost = 0;
      storeNetwork.slowMs = 0;
    });
    return true;
  }

  breakLine(): boolean {
    const { lines } = this.#world.network;
    if (lines.length === 0) return false;
    const line = pickOne(lines, this.#random);
    if (line.break()) this.#world.tally.add('bytes lost under way');
    this.#world.note(`a line of ${line.clientName} breaks`);
    return true;
  }

  swallow(): boolean {
    const { lines } = this.#world.network;
    if (lines.length === 0) return false;
    const line = pickOne(lines, this.#random);
    const ways = pickOne(['up', 'down', 'both', 'both'] as const, this.#random);
    line.swallow(ways);
    this.#world.note(`a line of ${line.clientName} swallows ${ways}`);
    return true;
  }

  slow(): boolean {
    const { lines } = this.#world.network;
    if (lines.length === 0) return false;
    const line = pickOne(lines, this.#random);
    line.down.bytesPerMs = pickOne([0.1, 0.5, 3], this.#random);
    this.#world.note(`a line of ${line.clientName} is slow`);
    this.undoAfter(this.between(300, 4_000), () => {
      line.down.hasten();
    });
    return true;
  }

  refuse(): boolean {
    const { network } = this.#world;
    network.refused = pickOne([0, 0.5, 0.8], this.#random);
    network.unanswered = pickOne([0, 0.2], this.#random);
    this.undoAfter(this.between(200, 3_000), () => {
      network.refused = 0;
      network.unanswered = 0;
    });
    // Somebody has to come.
    return this.breakLine();
  }

  freezeClient(): boolean {
    const { process } = pickOne(this.#world.participants, this.#random);
    if (!process.running) return false;
    process.freeze();
    this.#world.note(`${process.name} is frozen`);
    this.undoAfter(this.between(50, 4_000), () => {
      process.thaw();
      this.#world.note(`${process.name} is thawed`);
    });
    return true;
  }

  /** The one who listens to a topic is away for so long that it is forgotten meanwhile. */
  sendAway(): void {
    const [subscriber] = this.#world.subscribers;
    if (subscriber === undefined) return;
    const { process } = subscriber;
    process.freeze();
    this.#world.note(`${process.name} is away`);
    this.#world.happened('client away for long');
    this.undoAfter(AWAY_MS, () => process.thaw());
  }

  /** A gateway is frozen until the log has forgotten what came to it before. */
  keepFrozen(): void {
    if (this.freezeGateway(undefined, KEPT_FROZEN_MS))
      this.#world.happened('gateway away for long');
  }

  resubscribe(): boolean {
    const subscriber = pickOne(this.#world.subscribers, this.#random);
    if (!subscriber.process.running) return false;
    const topic = pickOne(subscriber.topics, this.#random);
    subscriber.resubscribe(topic, this.#random() < 0.5);
    this.#world.note(`${subscriber.name} resubscribes ${topic}`);
    return true;
  }

  burst(): boolean {
    const topic = pickOne(this.#world.topics, this.#random);
    const count = this.#world.settings.trims ? 90 : 25;
    this.#world.note(`a burst of ${count} for ${topic}`);
    for (let each = 0; each < count; each += 1) this.#world.publishAtGateway(topic);
    return true;
  }

  get #mayLose(): boolean {
    // What became of a topic that is forgotten in the end, nobody could judge.
    if (this.#world.settings.expires) return false;
    return this.#unable === 0 && this.#world.time.now() >= this.#quietUntil;
  }

  #lagsFor(ms: number): void {
    this.lagsUntil = this.#world.time.now() + ms + 1;
    this.#quietUntil = this.lagsUntil;
  }

  #lost(): void {
    this.lossy = true;
    this.#noteWitnesses();
    this.#quietUntil = this.#world.time.now() + this.#world.settings.stream.settleMs + 1_000;
  }

  /** From here on only what is written later is surely known by somebody who can tell. */
  #noteWitnesses(): void {
    for (const topic of this.#world.arbiter.topics) {
      this.#witnessed.set(topic, this.#world.arbiter.head(topic)?.seq ?? 0);
    }
  }

  /** Those to whom something may be done now. */
  get able(): readonly SimulatedGateway[] {
    if (this.#world.time.now() < this.#quietUntil) return [];
    return this.#world.gateways.filter(({ process, ready }) => process.running && ready);
  }

  victim(): SimulatedGateway | undefined {
    const { able } = this;
    return able.length === 0 ? undefined : pickOne(able, this.#random);
  }

  between(low: number, high: number): number {
    return low + this.#random() * (high - low);
  }

  undoAfter(delayMs: number, undo: () => void): void {
    const once = () => {
      if (this.#healing.delete(once)) undo();
    };
    this.#healing.add(once);
    this.#world.time.after(delayMs, once);
  }
}
