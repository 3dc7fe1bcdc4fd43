import type { Clock, Random, Timer } from '../protocol/clock.ts';
import { POD_HEADER } from './admin/admin-api.ts';

/**
 * What a peer says about Redis: it reaches it, it does not, or nothing. `nobody`: no answer, or
 * our own.
 */
export type PeerAnswer = 'reached' | 'not_reached' | 'nobody';

export interface CutOffParts {
  /** `host:port` of the admin ports of other gateways, as known now. */
  readonly peers: () => readonly string[];
  /** Between two rounds of questions; a question has as long to be answered. */
  readonly intervalMs: number;
  readonly clock: Clock;
  readonly random: Random;
  /** Never rejects; answers within the interval. */
  readonly ask: (peer: string) => Promise<PeerAnswer>;
  readonly onChange: (cutOff: boolean) => void;
}

const ASKED = 3;
/** Rounds in a row by which peers must have reached Redis. */
const ROUNDS = 2;

/**
 * Whether this gateway is cut off from a Redis that others reach. Only then is moving its clients
 * of any use: when Redis itself is away nobody is better off, and everybody moving would empty the
 * Service and storm whoever comes back first.
 *
 * While the stream is down, three random peers are asked, again after each interval. When more of
 * those that answer reach Redis than do not, twice in a row, this gateway is cut off; the first
 * round without that, and the stream being back, end it at once.
 */
export class CutOff {
  readonly #parts: CutOffParts;
  #streak = 0;
  #cutOff = false;
  #timer: Timer | undefined;
  /** A new object for each outage; undefined: there is none. */
  #outage: object | undefined;

  constructor(parts: CutOffParts) {
    this.#parts = parts;
  }

  get cutOff(): boolean {
    return this.#cutOff;
  }

  /** The stream is down, or is back. */
  streamIs(down: boolean): void {
    if (!down) {
      this.#end();
    } else if (this.#outage === undefined) {
      this.#outage = {};
      void this.#round(this.#outage);
    }
  }

  stop(): void {
    this.#end();
  }

  #end(): void {
    this.#outage = undefined;
    this.#timer?.cancel();
    this.#streak = 0;
    this.#set(false);
  }

  async #round(outage: object): Promise<void> {
    const { clock, intervalMs, ask } = this.#parts;
    const began = clock.now();
    const answers = await Promise.all(this.#chosen().map(ask));
    if (this.#outage !== outage) return;
    const reached = answers.filter((answer) => answer === 'reached').length;
    const notReached = answers.filter((answer) => answer === 'not_reached').length;
    this.#streak = reached > notReached ? this.#streak + 1 : 0;
    this.#set(this.#streak >= ROUNDS);
    const left = Math.max(0, began + intervalMs - clock.now());
    this.#timer = clock.after(left, () => void this.#round(outage));
  }

  /** Three of the peers, each as likely as any other. */
  #chosen(): string[] {
    const left = [...this.#parts.peers()];
    const chosen: string[] = [];
    while (chosen.length < ASKED && left.length > 0) {
      chosen.push(...left.splice(Math.floor(this.#parts.random() * left.length), 1));
    }
    return chosen;
  }

  #set(cutOff: boolean): void {
    if (this.#cutOff === cutOff) return;
    this.#cutOff = cutOff;
    this.#parts.onChange(cutOff);
  }
}

export interface AskParts {
  /** Our own name: a list of peers may hold ourselves. */
  readonly pod: string;
  readonly clock: Clock;
  readonly timeoutMs: number;
  readonly fetch: typeof globalThis.fetch;
}

/** Asks one peer over HTTP. Never rejects. */
export async function askPeer(peer: string, parts: AskParts): Promise<PeerAnswer> {
  const late = new AbortController();
  const timer = parts.clock.after(parts.timeoutMs, () => late.abort());
  try {
    const response = await parts.fetch(`http://${peer}/peer/redis`, {
      redirect: 'error',
      signal: late.signal,
    });
    await response.body?.cancel();
    const pod = response.headers.get(POD_HEADER);
    if (pod === null || pod === parts.pod) return 'nobody';
    if (response.ok) return 'reached';
    return response.status === 503 ? 'not_reached' : 'nobody';
  } catch {
    // A peer that cannot be asked says nothing about Redis; that is an answer here.
    return 'nobody';
  } finally {
    timer.cancel();
  }
}
