import type { Random } from '../../protocol/clock.ts';
import { ClientEnd } from './client-end.ts';
import { GatewayEnd } from './gateway-end.ts';
import { Lane } from './lane.ts';
import type { Downward, LineWatch, Upward } from './line-traffic.ts';
import type { SimulatedClock } from './simulated-clock.ts';
import type { SimulatedProcess } from './simulated-process.ts';

export interface LineParts {
  readonly time: SimulatedClock;
  readonly random: Random;
  readonly url: string;
  readonly client: SimulatedProcess;
  readonly gateway: SimulatedProcess;
  readonly watch: LineWatch;
}

/** Bytes that may be under way or unread before the gateway's kernel takes no more. */
const WINDOWS = [1_000, 4_000, 60_000];
const SLOWEST_MS = 12;

/** One connection between a client and a gateway, and what can happen to it. */
export class Line {
  readonly url: string;
  readonly up: Lane<Upward>;
  readonly down: Lane<Downward>;
  readonly client: ClientEnd;
  readonly gateway: GatewayEnd;
  readonly #random: Random;
  readonly #parts: LineParts;
  #broken = false;

  constructor(parts: LineParts) {
    const { time, random, client, gateway } = parts;
    this.url = parts.url;
    this.#parts = parts;
    this.#random = random;
    const base = 0.2 + random() * SLOWEST_MS;
    const delay = () => base * (0.9 + random() * 0.4);
    this.up = new Lane({
      time,
      delay,
      arrive: (item) => gateway.run(() => this.gateway.arrived(item)),
    });
    this.down = new Lane({
      time,
      delay,
      arrive: (item) => client.run(() => this.client.arrived(item)),
    });
    this.client = new ClientEnd({
      ...{ process: client, watch: parts.watch, up: this.up },
      read: (bytes) => this.gateway.read(bytes),
    });
    const window = WINDOWS[Math.floor(random() * WINDOWS.length)] ?? 1_000;
    this.gateway = new GatewayEnd({ time, process: gateway, down: this.down, window });
  }

  /** It broke, or one of its ends is done with it. */
  get over(): boolean {
    return this.#broken || this.client.closed || this.gateway.closed;
  }

  get clientName(): string {
    return this.#parts.client.name;
  }

  belongsTo(process: SimulatedProcess): boolean {
    return this.#parts.client === process || this.#parts.gateway === process;
  }

  /** It breaks somewhere: at any byte, and both ends notice. Returns whether bytes were lost. */
  break(): boolean {
    if (this.over) return false;
    this.#broken = true;
    const lost = this.down.flying + this.up.flying > 0;
    this.up.cut(Math.floor(this.#random() * (this.up.flying + 1)));
    this.#cutDown();
    this.down.send('end', 0);
    this.up.send({ kind: 'end' }, 0);
    return lost;
  }

  /** Nothing passes any more, and nobody is told. */
  swallow(ways: 'up' | 'down' | 'both'): void {
    if (ways !== 'down') this.up.swallow();
    if (ways !== 'up') this.down.swallow();
  }

  /** The gateway's process is gone, and its kernel says so. */
  resetByGateway(): void {
    if (this.#broken) return;
    this.#broken = true;
    this.up.swallow();
    this.#cutDown();
    this.down.send('end', 0);
  }

  #cutDown(): void {
    const partial = this.down.cut(Math.floor(this.#random() * (this.down.flying + 1)));
    if (!(partial instanceof Uint8Array)) return;
    this.down.send(partial.subarray(0, Math.floor(this.#random() * partial.length)), 0);
  }
}
