import type { Check } from './admin/admin-api.ts';
import type { DrainOrders } from './admin/commands.ts';
import type { Drained } from './edge/drain.ts';
import type { Edge } from './edge/edge.ts';
import type { RingSource } from './ring/ring-source.ts';

/** What leaves together; undefined before it was started. */
export interface Leaving {
  readonly edge: Pick<Edge, 'drain' | 'cancelDrain' | 'drainPhase' | 'connected' | 'status'>;
  readonly ring: { readonly source: Pick<RingSource, 'leave' | 'stay'> };
}

const nobody: Drained = { forced: 0, cancelled: false };

/**
 * A gateway leaves: in the ring it asks to own nothing, at the edge clients go in the order of
 * `Drain`. Whoever orders it, a signal or somebody at the admin port, it is one and the same.
 */
export class GatewayDrain implements DrainOrders {
  readonly #running: () => Leaving | undefined;
  /** The process ends after it, whoever would have it back. */
  #forGood = false;

  constructor(running: () => Leaving | undefined) {
    this.#running = running;
  }

  /** From here on it cannot be called off. */
  async forGood(): Promise<Drained> {
    this.#forGood = true;
    return this.#start();
  }

  /** Once empty the gateway waits to be stopped, or to be called back. */
  begin(withinMs?: number): void {
    void this.#start(withinMs);
  }

  cancel(): boolean {
    if (this.#forGood) return false;
    const { edge, ring } = this.#running() ?? {};
    if (edge === undefined || edge.drainPhase === 'serving') return true;
    ring?.source.stay();
    edge.cancelDrain();
    return true;
  }

  progress(): object {
    const edge = this.#running()?.edge.status();
    const {
      drain: phase,
      drainRemainingMs: remainingMs,
      connections,
      moving,
      proxied,
    } = edge ?? {};
    return { phase, remainingMs, connections, moving, proxied };
  }

  /** For `/readyz`. */
  check(): Check {
    const { edge } = this.#running() ?? {};
    const leaving = this.#forGood || (edge !== undefined && edge.drainPhase !== 'serving');
    if (!leaving) return { name: 'draining', ok: true };
    return {
      name: 'draining',
      ok: false,
      detail: `connections that remain: ${edge?.connected ?? 0}`,
    };
  }

  /** Never rejects. */
  async #start(withinMs?: number): Promise<Drained> {
    const running = this.#running();
    if (running === undefined) return nobody;
    running.ring.source.leave();
    return running.edge.drain(withinMs);
  }
}
