import type { Timer } from '../../protocol/clock.ts';
import type { GapReason } from '../../protocol/codes.ts';
import type { ClientEnd } from './client-end.ts';
import { Witness } from './history.ts';
import type { LineWatch } from './line-traffic.ts';
import { type Participant, type ParticipantParts, watchOf } from './participant.ts';
import type { SimulatedProcess } from './simulated-process.ts';

interface PlainFrame {
  readonly type: string;
  readonly topic: string;
  readonly position: string;
  readonly data?: unknown;
  readonly reason: GapReason;
  readonly from?: number;
  readonly to?: number;
}

const BACK_MS = 300;
const CONNECT_MS = 1_500;
/** It hears a ping at least once in a second. */
const SILENCE_MS = 2_500;

/** A bare WebSocket with a session: the gateway keeps its cursors, and may repeat what it had. */
export class PlainSubscriber implements Participant {
  readonly name: string;
  readonly process: SimulatedProcess;
  readonly topics: readonly string[];
  readonly #parts: ParticipantParts;
  readonly #witness: Witness;
  readonly #watch: LineWatch;
  #socket: ClientEnd | undefined;
  #tries = 0;
  #open = false;
  #timer: Timer | undefined;

  constructor(parts: ParticipantParts) {
    const { name, history } = parts;
    this.name = name;
    this.process = parts.process;
    this.topics = parts.topics;
    this.#parts = parts;
    this.#witness = new Witness(history, name, 'wire');
    const watch = watchOf(name, history);
    this.#watch = {
      onOpen: () => {
        this.#open = true;
        this.#heard();
        watch.onOpen();
      },
      onHeard: (what) => {
        this.#heard();
        watch.onHeard(what);
      },
      onEnd: (code) => {
        this.#open = false;
        watch.onEnd(code);
      },
    };
  }

  /** It is told nothing: that it was connected is all that it knows. */
  get begun(): boolean {
    return this.#open;
  }

  get connected(): boolean {
    return this.#open;
  }

  place(topic: string) {
    return this.#witness.place(topic);
  }

  /** All of its topics begin at `position`. */
  began(position: string): void {
    for (const topic of this.topics) this.#witness.began(topic, position);
  }

  start(): void {
    const { urls, network } = this.#parts;
    const base = urls[this.#tries % urls.length] ?? '';
    this.#tries += 1;
    const hello = `topics=${this.topics.join(',')}&session=${this.name}`;
    const url = `${base}${base.includes('?') ? '&' : '?'}${hello}`;
    const socket = network.connect({ url, client: this.process, watch: this.#watch });
    this.#socket = socket;
    socket.onmessage = ({ data }: { readonly data: string }) => this.#frame(data);
    socket.onclose = () => this.#again();
    this.#wait(CONNECT_MS);
  }

  #frame(text: string): void {
    const frame = JSON.parse(text) as PlainFrame;
    if (frame.type === 'msg') this.#witness.message({ data: undefined, ...frame });
    else if (frame.type === 'gap') this.#witness.gap(frame);
  }

  #heard(): void {
    this.#wait(SILENCE_MS);
  }

  #wait(delayMs: number): void {
    this.#timer?.cancel();
    this.#timer = this.process.clock.after(delayMs, () => {
      this.#socket?.close(4000);
      this.#again();
    });
  }

  #again(): void {
    const socket = this.#socket;
    if (socket === undefined) return;
    this.#socket = undefined;
    socket.onmessage = null;
    socket.onclose = null;
    this.#timer?.cancel();
    const { process, random } = this.#parts;
    process.clock.after(random() * BACK_MS, () => this.start());
  }
}
