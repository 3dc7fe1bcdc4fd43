import type { Random } from '../../protocol/clock.ts';
import { pickOne } from '../../protocol/testing/chance.ts';

/** Where clients and publishers find a gateway: what a load balancer would be. */
export interface Target {
  readonly name: string;
  /** `ws://…/ws` */
  readonly ws: string;
  /** `http://…` */
  readonly http: string;
}

/** What clients are given: an address behind which a load balancer would choose a gateway. */
export const BALANCER = 'ws://balancer.test/ws';

/** The gateways that a client may be sent to, chosen anew at each try. */
export class Targets {
  #all: readonly Target[];
  #hushed: string | undefined;
  readonly #random: Random;

  constructor(all: readonly Target[], random: Random) {
    this.#all = all;
    this.#random = random;
  }

  /** From now on only these, as a Service whose endpoints changed. */
  set(all: readonly Target[]): void {
    this.#all = all;
  }

  /** Whoever publishes to the gateway of this name begins no message; undefined: everybody may. */
  hush(name: string | undefined): void {
    this.#hushed = name;
  }

  isHushed(name: string): boolean {
    return name === this.#hushed;
  }

  pick(): Target {
    return pickOne(this.#all, this.#random);
  }
}
