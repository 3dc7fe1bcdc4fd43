import type { GapReason } from '../../protocol/codes.ts';
import { parsePosition } from '../../protocol/position.ts';
import { Recorder } from '../history/recorder.ts';
import type { HeardRecord, Tap } from '../history/records.ts';
import { hashOfMessage, received } from '../load/message.ts';
import type { SimulatedClock } from './simulated-clock.ts';
import type { Tally } from './tally.ts';

export interface Place {
  readonly epoch: string;
  readonly seq: number;
}

/** A message as one tap sees it. */
export interface Seen {
  readonly topic: string;
  readonly position: string;
  readonly data: unknown;
}

export interface SeenGap {
  readonly topic: string;
  readonly position: string;
  readonly reason: GapReason;
  readonly from?: number;
  readonly to?: number;
}

/** What happened in a world, as the history checker wants to read it. */
export class History {
  readonly recorder = new Recorder('sim', 200_000);
  readonly tally: Tally;
  readonly #time: SimulatedClock;
  /** Told at each gap that says that something was trimmed. */
  onTrimmed: (topic: string) => void = () => {};

  constructor(time: SimulatedClock, tally: Tally) {
    this.#time = time;
    this.tally = tally;
  }

  get t(): number {
    return this.#time.nanoseconds;
  }

  connection(subscriber: string, state: 'open' | 'closed', code?: number): void {
    const said = { kind: 'conn', t: this.t, subscriber, state } as const;
    this.recorder.write(code === undefined ? said : { ...said, code });
  }

  heard(subscriber: string, what: HeardRecord['what']): void {
    this.recorder.write({ kind: 'heard', t: this.t, subscriber, what });
  }
}

/** One subscriber's end of the history. */
export class Witness {
  readonly name: string;
  readonly #history: History;
  readonly #tap: Tap;
  readonly #places = new Map<string, Place>();

  constructor(history: History, name: string, tap: Tap) {
    this.name = name;
    this.#history = history;
    this.#tap = tap;
  }

  place(topic: string): Place | undefined {
    return this.#places.get(topic);
  }

  began(topic: string, position: string): void {
    const { epoch, seq } = this.#moved(topic, position);
    const { recorder, t } = this.#history;
    recorder.write({ kind: 'sub', t, ...this.#who, topic, identity: this.name, epoch, seq });
  }

  ended(topic: string): void {
    const { recorder, t } = this.#history;
    recorder.write({ kind: 'unsub', t, ...this.#who, topic });
  }

  message({ topic, position, data }: Seen): void {
    const { epoch, seq } = this.#moved(topic, position);
    const message = received(data);
    const hash = hashOfMessage(message);
    const { recorder, tally, t } = this.#history;
    tally.add(`delivered at ${this.#tap}`);
    const what = { topic, id: message.id, hash, epoch, seq };
    recorder.write({ kind: 'del', t, ...this.#who, ...what });
  }

  gap({ topic, position, reason, from, to }: SeenGap): void {
    const { epoch, seq } = this.#moved(topic, position);
    const { recorder, tally, t } = this.#history;
    tally.add(`gap ${reason}`);
    const range = { ...(from === undefined ? {} : { from }), ...(to === undefined ? {} : { to }) };
    recorder.write({ kind: 'gap', t, ...this.#who, topic, reason, ...range, epoch, seq });
    if (reason === 'trimmed') this.#history.onTrimmed(topic);
  }

  get #who(): { readonly subscriber: string; readonly tap: Tap } {
    return { subscriber: this.name, tap: this.#tap };
  }

  #moved(topic: string, position: string): Place {
    const place = parsePosition(position);
    if (place === undefined) throw new Error(`${this.name}: not a position: ${position}`);
    this.#places.set(topic, place);
    return place;
  }
}
