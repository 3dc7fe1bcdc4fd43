import { WebSocket } from 'ws';
import { parsePosition } from '../../protocol/position.ts';
import { nanoseconds } from '../history/recorder.ts';
import type { HeardRecord, Tap } from '../history/records.ts';
import { hashOfMessage, received } from './message.ts';
import { type Place, type Subscriber, type SubscriberOptions, silenceOf } from './subscriber.ts';

/** A frame of the server, as far as the load looks at it. */
export interface Frame {
  readonly type: string;
  readonly id?: number | string;
  readonly topic?: string;
  readonly position?: string;
  readonly data?: unknown;
  readonly reason?: string;
  readonly from?: number;
  readonly to?: number;
  readonly stale?: boolean;
  readonly topics?: readonly {
    readonly topic: string;
    readonly position?: string;
    readonly error?: string;
  }[];
}

const CLOSE_MS = 1_000;
/** As many as a receiver has to keep, by docs/protocol.md. */
const SEEN_IDS = 1_024;

/** What subscribers on a bare WebSocket have in common: connecting, watching, recording. */
export abstract class SocketSubscriber implements Subscriber {
  readonly name: string;
  topics: readonly string[];
  protected readonly options: SubscriberOptions;
  protected abstract readonly tap: Tap;
  readonly #newest = new Map<string, Place>();
  #socket: WebSocket | undefined;
  #open = false;
  #leaving = false;
  #paused = false;
  #isAway = false;
  #heard = 0;
  #watch: NodeJS.Timeout | undefined;
  #retry: NodeJS.Timeout | undefined;

  constructor(options: SubscriberOptions) {
    this.options = options;
    this.name = options.name;
    this.topics = options.topics;
  }

  /** The address to connect to, at a gateway's. */
  protected abstract address(base: string): string;
  /** What to say first. */
  protected abstract greet(): void;
  /** Frames other than `msg` and `gap`. */
  protected abstract hear(frame: Frame): void;
  protected forget(): void {}

  abstract readonly attached: boolean;

  get begun(): boolean {
    return this.topics.every((topic) => this.#newest.has(topic));
  }

  get connected(): boolean {
    return this.#open;
  }

  place(topic: string): Place | undefined {
    return this.#newest.get(topic);
  }

  start(): void {
    this.#connect();
  }

  /** Stops reading from the network, as a page in the background may. */
  pause(): void {
    this.#hold(true);
    this.#paused = true;
    this.#socket?.pause();
  }

  resume(): void {
    this.#hold(false);
    this.#paused = false;
    this.#heard = performance.now();
    this.#socket?.resume();
  }

  /** Loses its connection and comes back. */
  drop(): void {
    this.#socket?.terminate();
  }

  /** Loses its connection and stays away until `back`. */
  away(): void {
    this.#hold(true);
    this.#isAway = true;
    clearTimeout(this.#retry);
    this.#socket?.terminate();
  }

  back(): void {
    this.#hold(false);
    this.#isAway = false;
    this.#connect();
  }

  async stop(): Promise<void> {
    this.#leaving = true;
    clearTimeout(this.#retry);
    const socket = this.#socket;
    if (socket === undefined || socket.readyState === WebSocket.CLOSED) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(() => socket.terminate(), CLOSE_MS);
      socket.once('close', () => {
        clearTimeout(timer);
        resolve();
      });
      socket.close(1000);
    });
  }

  protected say(command: object): void {
    this.#socket?.send(JSON.stringify(command));
  }

  /** The start of a topic, told by the server. */
  protected started(topic: string, position: string): void {
    const at = parsePosition(position);
    if (at === undefined) throw new Error(`${this.name}: not a position: ${position}`);
    this.#newest.set(topic, at);
    const { recorder, identity } = this.options;
    const { epoch, seq } = at;
    const who = { subscriber: this.name, tap: this.tap, topic, identity };
    recorder.write({ kind: 'sub', t: nanoseconds(), ...who, epoch, seq });
  }

  protected ended(topic: string): void {
    const who = { subscriber: this.name, tap: this.tap, topic };
    this.options.recorder.write({ kind: 'unsub', t: nanoseconds(), ...who });
  }

  #connect(): void {
    const socket = new WebSocket(this.address(this.options.targets.pick().ws), {
      perMessageDeflate: false,
      handshakeTimeout: 5_000,
    });
    this.#socket = socket;
    socket.on('open', () => {
      this.#open = true;
      this.#heard = performance.now();
      this.#connection('open');
      this.#watch = setInterval(() => this.#watchSilence(socket), this.options.heartbeatMs / 4);
      this.greet();
    });
    socket.on('message', (data) => this.#frame(data.toString()));
    socket.on('ping', () => this.#sign('ping'));
    // The close that follows tells everything that the error could.
    socket.on('error', () => {});
    socket.on('close', (code) => this.#closed(code));
  }

  #closed(code: number): void {
    clearInterval(this.#watch);
    if (this.#open) {
      this.#connection('closed', code);
      this.options.counts.closed(code);
    }
    this.#open = false;
    this.forget();
    if (this.#leaving || this.#isAway) return;
    this.options.counts.reconnects += 1;
    this.#retry = setTimeout(() => this.#connect(), 20 + this.options.random() * 180);
  }

  #hold(held: boolean): void {
    this.options.recorder.write({ kind: 'held', t: nanoseconds(), subscriber: this.name, held });
  }

  #connection(state: 'open' | 'closed', code?: number): void {
    const said = { kind: 'conn', t: nanoseconds(), subscriber: this.name, state } as const;
    this.options.recorder.write(code === undefined ? said : { ...said, code });
  }

  #watchSilence(socket: WebSocket): void {
    if (this.#paused) return;
    if (performance.now() - this.#heard > silenceOf(this.options.heartbeatMs)) socket.terminate();
  }

  #sign(what: HeardRecord['what']): void {
    this.#heard = performance.now();
    this.options.recorder.write({ kind: 'heard', t: nanoseconds(), subscriber: this.name, what });
  }

  #frame(text: string): void {
    this.#heard = performance.now();
    const frame = JSON.parse(text) as Frame;
    if (frame.type === 'msg') this.#message(frame);
    else if (frame.type === 'gap') this.#gap(frame);
    else {
      const { type, stale } = frame;
      if (type === 'stale') this.options.counts[stale === true ? 'stale' : 'fresh'] += 1;
      this.#sign(type === 'tick' ? 'tick' : stale === true ? 'stale' : 'other');
      this.hear(frame);
    }
  }

  #message(frame: Frame): void {
    const { topic = '', position = '' } = frame;
    const at = parsePosition(position);
    if (at === undefined) throw new Error(`${this.name}: not a position: ${position}`);
    const message = received(frame.data);
    const { epoch, seq } = at;
    if (this.hadAlready(topic, String(frame.id), epoch)) {
      this.#newest.set(topic, at);
      this.moved(topic, position);
      return;
    }
    const newest = this.#newest.get(topic);
    if (newest?.epoch !== epoch || newest.seq < seq) this.#newest.set(topic, at);
    this.options.counts.deliveries += 1;
    this.options.recorder.write({
      kind: 'del',
      t: nanoseconds(),
      subscriber: this.name,
      tap: this.tap,
      topic,
      id: message.id,
      hash: hashOfMessage(message),
      epoch,
      seq,
    });
    this.moved(topic, position);
  }

  #gap(frame: Frame): void {
    const { topic = '', position = '', reason, from, to } = frame;
    const at = parsePosition(position);
    if (at === undefined) throw new Error(`${this.name}: not a position: ${position}`);
    this.#newest.set(topic, at);
    this.options.counts.gaps += 1;
    this.options.recorder.write({
      kind: 'gap',
      t: nanoseconds(),
      subscriber: this.name,
      tap: this.tap,
      topic,
      reason: reason as 'lost',
      ...(from === undefined ? {} : { from }),
      ...(to === undefined ? {} : { to }),
      epoch: at.epoch,
      seq: at.seq,
    });
    this.moved(topic, position);
  }

  /** It dropped this message, because it had it under another number. */
  protected abstract hadAlready(topic: string, id: string, epoch: string): boolean;
  /** The subscriber's position in a topic is now this one. */
  protected abstract moved(topic: string, position: string): void;
}

/** `/ws?topics=…&session=…`: the server keeps the cursors; at least once. */
export class PlainSubscriber extends SocketSubscriber {
  protected readonly tap = 'wire';

  get attached(): boolean {
    return this.connected;
  }

  protected address(base: string): string {
    const topics = this.topics.map(encodeURIComponent).join(',');
    return `${base}?topics=${topics}&session=${this.name}`;
  }

  protected greet(): void {}
  protected hear(): void {}
  protected moved(): void {}
  protected hadAlready(): boolean {
    return false;
  }
}

/** Speaks the protocol and keeps its own positions: exactly once, or the server is wrong. */
export class ProtocolSubscriber extends SocketSubscriber {
  protected readonly tap = 'app';
  readonly #positions = new Map<string, string>();
  readonly #subscribed = new Set<string>();
  /** What to do when a request is answered. */
  readonly #answers = new Map<number, () => void>();
  /** The newest publishers' ids of each topic, and the epoch in which each came. */
  readonly #seen = new Map<string, Map<string, string>>();
  #request = 0;

  get attached(): boolean {
    return this.connected && this.topics.every((topic) => this.#subscribed.has(topic));
  }

  protected address(base: string): string {
    return base;
  }

  protected greet(): void {
    this.say({ type: 'hello', id: this.#next(), client: 'load/1', ...this.credentials() });
    this.#subscribe(this.topics);
  }

  /** Gives a topic up and takes it again from where it was: nothing is missed, nothing repeated. */
  resubscribe(topic: string): void {
    this.#giveUp(topic, () => this.#subscribe([topic]));
  }

  /** Gives a topic up and takes it afresh from its head, in the middle of everything. */
  startOver(topic: string): void {
    this.#giveUp(topic, () => {
      this.ended(topic);
      this.#positions.delete(topic);
      this.#subscribe([topic]);
    });
  }

  /** Until the answer, messages of the topic may still arrive; after it, none. */
  #giveUp(topic: string, then: () => void): void {
    if (!this.#subscribed.delete(topic)) return;
    const id = this.#next();
    this.#answers.set(id, then);
    this.say({ type: 'unsub', id, topics: [topic] });
  }

  protected hear(frame: Frame): void {
    if (frame.type === 'acked' && typeof frame.id === 'number') {
      this.#answers.get(frame.id)?.();
      this.#answers.delete(frame.id);
    }
    if (frame.type !== 'subbed') return;
    for (const { topic, position, error } of frame.topics ?? []) {
      if (position === undefined) {
        this.refused(topic, String(error));
        continue;
      }
      this.#subscribed.add(topic);
      this.options.counts.granted += 1;
      if (this.#positions.has(topic)) continue;
      this.#positions.set(topic, position);
      this.started(topic, position);
    }
  }

  /** What `hello` says of who it is. */
  protected credentials(): object {
    return {};
  }

  protected refused(topic: string, error: string): void {
    throw new Error(`${this.name}: ${topic} refused: ${error}`);
  }

  /** A publish that a failover lost and that was tried again has a new number. */
  protected hadAlready(topic: string, id: string, epoch: string): boolean {
    let seen = this.#seen.get(topic);
    if (seen === undefined) {
      seen = new Map();
      this.#seen.set(topic, seen);
    }
    const before = seen.get(id);
    // Within one epoch the server itself must not repeat anything.
    if (before !== undefined) return before !== epoch;
    seen.set(id, epoch);
    if (seen.size > SEEN_IDS) {
      const [oldest = ''] = seen.keys();
      seen.delete(oldest);
    }
    return false;
  }

  protected override forget(): void {
    this.#subscribed.clear();
    this.#answers.clear();
  }

  protected moved(topic: string, position: string): void {
    this.#positions.set(topic, position);
  }

  #subscribe(topics: readonly string[]): void {
    const asked = topics.map((topic) => {
      const position = this.#positions.get(topic);
      return position === undefined ? topic : { topic, position };
    });
    this.say({ type: 'sub', id: this.#next(), topics: asked });
  }

  #next(): number {
    this.#request += 1;
    return this.#request;
  }
}
