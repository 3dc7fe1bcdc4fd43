import type { GapReason } from '../../protocol/code-table.ts';
import type { FakeSocket } from './fake-network.ts';

/** A message as the log has it. */
export interface Entry {
  readonly epoch: string;
  readonly seq: number;
  readonly id: string;
}

interface Place {
  readonly epoch: string;
  readonly seq: number;
}

interface Hole {
  readonly reason: GapReason;
  readonly from: number;
  readonly to: number;
  readonly then: Place;
}

interface Ended {
  readonly epoch: string;
  /** The last number that the next epoch took over, and the last that there was. */
  readonly limit: number;
  readonly known: number;
}

/** The log of a topic, small enough to be seen to be right: it loses its end, and its beginning. */
export class TopicLog {
  readonly entries: Entry[] = [];
  readonly lost: Entry[] = [];
  readonly #ended: Ended[] = [];
  #epoch = 'e0';
  /** The first number that is still there. */
  first = 1;

  get head(): Place {
    return { epoch: this.#epoch, seq: this.entries.length };
  }

  write(id: string): Entry {
    const entry = { epoch: this.#epoch, seq: this.entries.length + 1, id };
    this.entries.push(entry);
    return entry;
  }

  trim(count: number): void {
    this.first = Math.min(this.first + count, this.entries.length + 1);
  }

  /** The newest are gone, and a new epoch begins. */
  failover(count: number): void {
    const known = this.entries.length;
    // What was trimmed is not lost.
    const limit = Math.max(this.first - 1, known - count);
    this.lost.push(...this.entries.splice(limit));
    this.#ended.push({ epoch: this.#epoch, limit, known });
    this.#epoch = `e${this.#ended.length}`;
  }

  /** What a subscriber at `place` is told: entries and gaps up to the head. */
  after({ epoch, seq }: Place): (Entry | Hole)[] {
    const steps: (Entry | Hole)[] = [];
    const begin = this.#ended.findIndex((one) => one.epoch === epoch);
    let at = seq;
    for (let i = begin < 0 ? this.#ended.length : begin; i < this.#ended.length; i += 1) {
      const limit = Math.min(...this.#ended.slice(i).map((one) => one.limit));
      const then = { epoch: this.#ended[i + 1]?.epoch ?? this.#epoch, seq: limit };
      const known = Math.max(at, this.#ended[i]?.known ?? 0);
      const reason = at > limit ? 'truncated' : 'lost';
      steps.push(...this.#between(at, limit));
      if (known > limit) steps.push({ reason, from: limit + 1, to: known, then });
      at = limit;
    }
    steps.push(...this.#between(at, this.entries.length));
    return steps;
  }

  #between(after: number, last: number): (Entry | Hole)[] {
    const gone = Math.min(this.first - 1, last);
    if (gone <= after) return this.entries.slice(after, Math.max(after, last));
    const { epoch } = this.entries[gone - 1] as Entry;
    const then = { epoch, seq: gone };
    const hole: Hole = { reason: 'trimmed', from: after + 1, to: gone, then };
    return [hole, ...this.entries.slice(gone, last)];
  }
}

type Frame = Readonly<Record<string, unknown>>;
type Asked = string | { readonly topic: string; readonly position?: string };
const textOf = ({ epoch, seq }: Place) => `${epoch}:${seq}@1`;

/**
 * What a gateway does for one socket. Nothing happens by itself: what the client sent is read, the
 * log looked at, and a frame delivered when the test says so; until then it is on its way.
 */
export class GatewaySession {
  readonly socket: FakeSocket;
  readonly #logs: ReadonlyMap<string, TopicLog>;
  readonly #places = new Map<string, Place>();
  readonly #queue: Frame[] = [];
  #opened = false;
  #read = 0;
  /** Its welcome was delivered. */
  welcomed = false;

  constructor(socket: FakeSocket, logs: ReadonlyMap<string, TopicLog>) {
    this.socket = socket;
    this.#logs = logs;
  }

  get idle(): boolean {
    return this.#opened && this.#queue.length === 0 && this.#read === this.socket.sent.length;
  }

  say(frame: Frame): void {
    this.#queue.push(frame);
  }

  /** Opens the socket, or reads one command. */
  read(): void {
    if (this.socket.over) return;
    if (!this.#opened) {
      this.#opened = true;
      this.socket.accept();
      return;
    }
    const command = this.socket.sent[this.#read];
    if (command === undefined) return;
    this.#read += 1;
    this.#serve(command);
  }

  /** Delivers one frame. */
  deliver(): void {
    const frame = this.#queue.shift();
    if (frame === undefined || this.socket.over) return;
    if (frame['type'] === 'welcome') this.welcomed = true;
    this.socket.say(frame);
  }

  /** Notices what the log has. */
  look(): void {
    for (const topic of this.#places.keys()) this.#tell(topic);
  }

  #serve(command: Frame): void {
    const { type, id, at, topics } = command;
    if (type === 'hello') this.say(welcome(this.socket.url));
    else if (type === 'ping') this.say({ type: 'pong', at });
    else if (type === 'pub') this.#write(command);
    else if (type === 'sub') {
      for (const asked of topics as Asked[]) this.#begin(id, asked);
    } else if (type === 'unsub') {
      for (const topic of topics as string[]) this.#places.delete(topic);
      this.say({ type: 'acked', id });
    }
  }

  #begin(id: unknown, asked: Asked): void {
    const { topic, position = '' } = typeof asked === 'string' ? { topic: asked } : asked;
    const [, epoch, seq] = /^(\w+):(\d+)@/.exec(position) ?? [];
    const place = epoch === undefined ? this.#log(topic).head : { epoch, seq: Number(seq) };
    this.#places.set(topic, place);
    this.say({ type: 'subbed', id, topics: [{ topic, position: textOf(place), replay: 0 }] });
    this.#tell(topic);
  }

  #tell(topic: string): void {
    const log = this.#log(topic);
    for (const step of log.after(this.#places.get(topic) ?? log.head)) {
      if ('reason' in step) {
        const { then, ...hole } = step;
        this.say({ type: 'gap', topic, ...hole, position: textOf(then) });
        this.#places.set(topic, then);
      } else {
        const { id } = step;
        this.say({ type: 'msg', topic, position: textOf(step), data: id, id, at: 1 });
        this.#places.set(topic, step);
      }
    }
  }

  /** Each number of a producer once, and none behind a later one. */
  #write({ id, topic, producer, retry }: Frame): void {
    const log = this.#log(String(topic));
    const by = producer as { readonly id: string; readonly seq: number };
    const name = `${by.id}:${by.seq}`;
    const found = log.entries.find((entry) => entry.id === name);
    const later = log.entries.some((entry) => {
      const [who, number] = entry.id.split(':');
      return who === by.id && Number(number) > by.seq;
    });
    if (found !== undefined) {
      this.say({ type: 'acked', id, position: textOf(found), duplicate: true });
    } else if (retry === true && later) {
      this.say({ type: 'err', id, code: 'out_of_order', message: 'late', at: 1, request: 'r' });
    } else this.say({ type: 'acked', id, position: textOf(log.write(name)) });
  }

  #log(topic: string): TopicLog {
    const log = this.#logs.get(topic);
    if (log === undefined) throw new Error(`there is no topic ${topic}`);
    return log;
  }
}

function welcome(url: string): Frame {
  const limits = { frameBytes: 1_048_576, topics: 1_000 };
  const heartbeat = 1_000_000;
  return { type: 'welcome', session: 's', heartbeat, limits, features: ['move'], pod: url };
}
