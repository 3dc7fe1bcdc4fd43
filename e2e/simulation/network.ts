import type { Random } from '../../protocol/clock.ts';
import { pickOne } from '../../protocol/testing/chance.ts';
import { Line } from './line.ts';
import type { LineWatch } from './line-traffic.ts';
import type { SimulatedClock } from './simulated-clock.ts';
import type { SimulatedProcess } from './simulated-process.ts';
import type { Tally } from './tally.ts';

/** Where connections can be made to. */
export interface Endpoint {
  readonly process: SimulatedProcess;
  /** It takes connections that are new to it. */
  readonly open: boolean;
  /** A load balancer sends clients here. */
  readonly ready: boolean;
  accept(line: Line): void;
}

export interface Dial {
  readonly url: string;
  readonly client: SimulatedProcess;
  readonly watch: LineWatch;
}

/** The name of the load balancer, which knows all endpoints. */
const BALANCER = 'any';
const TRAVEL_MS = 8;

/** Between clients and gateways. */
export class Network {
  readonly #time: SimulatedClock;
  readonly #random: Random;
  readonly #tally: Tally;
  readonly #endpoints = new Map<string, Endpoint>();
  #lines: Line[] = [];
  /** Share of connections that are refused, and of those that are never answered. */
  refused = 0;
  unanswered = 0;

  constructor(parts: { time: SimulatedClock; random: Random; tally: Tally }) {
    this.#time = parts.time;
    this.#random = parts.random;
    this.#tally = parts.tally;
  }

  /** A process listens at an address; what listened there before is gone. */
  listen(address: string, endpoint: Endpoint): void {
    this.#endpoints.set(address, endpoint);
  }

  /** Connections that both ends believe in. */
  get lines(): readonly Line[] {
    this.#lines = this.#lines.filter((line) => !line.over);
    return this.#lines;
  }

  /** Those of one process, whatever became of them. */
  linesOf(process: SimulatedProcess): readonly Line[] {
    return this.lines.filter((line) => line.belongsTo(process));
  }

  /** The line of a client's end. */
  lineOf(end: Line['client']): Line | undefined {
    return this.#lines.find(({ client }) => client === end);
  }

  connect({ url, client, watch }: Dial): Line['client'] {
    const endpoint = this.#endpointOf(new URL(url).hostname);
    // Nobody there, or nobody who answers: the process is only a name then.
    const gateway = endpoint?.process ?? client;
    const parts = { time: this.#time, random: this.#random, url, client, gateway, watch };
    const line = new Line(parts);
    this.#lines.push(line);
    this.#time.after(this.#random() * TRAVEL_MS, () => this.#arrive(line, endpoint));
    return line.client;
  }

  #arrive(line: Line, endpoint: Endpoint | undefined): void {
    const chance = this.#random();
    // It ended on its way here: nobody comes to the door.
    if (line.over) return;
    if (chance < this.unanswered) {
      this.#tally.add('connect unanswered');
      line.swallow('both');
    } else if (endpoint === undefined || chance < this.unanswered + this.refused) {
      this.#refuse(line);
    } else if (!endpoint.process.alive) this.#refuse(line);
    else {
      endpoint.process.run(() => {
        if (endpoint.open) endpoint.accept(line);
        else this.#refuse(line);
      });
    }
  }

  #refuse(line: Line): void {
    this.#tally.add('connect refused');
    line.resetByGateway();
  }

  #endpointOf(address: string): Endpoint | undefined {
    if (address !== BALANCER) return this.#endpoints.get(address);
    const ready = [...new Set(this.#endpoints.values())].filter((each) => each.ready);
    return ready.length === 0 ? undefined : pickOne(ready, this.#random);
  }
}
