import type { Clock } from '../../protocol/clock.ts';
import { each } from './each.ts';
import type { GatewayClient, GatewayPod, GatewayStatus } from './gateway-client.ts';

export interface GatewayReportsOptions {
  readonly client: Pick<GatewayClient, 'status'>;
  readonly clock: Clock;
}

/** What a gateway said, or why it did not. */
export type GatewayReport = { readonly status: GatewayStatus } | { readonly problem: string };

/** Asked at once, of one cluster. */
const AT_A_TIME = 16;
/** So long an answer is taken for what is: a pod that starts changes several times a second. */
const FRESH_MS = 1_000;
/** Of all clusters; the oldest is forgotten first, and asked again. */
const REMEMBERED = 20_000;

/** Asks gateways how they are, no more often than it matters. */
export class GatewayReports {
  readonly #options: GatewayReportsOptions;
  readonly #known = new Map<string, { readonly report: GatewayReport; readonly at: number }>();

  constructor(options: GatewayReportsOptions) {
    this.#options = options;
  }

  /** By uid. Rejects with the reason of the signal only: who does not answer has a report, too. */
  async of(
    pods: readonly GatewayPod[],
    signal: AbortSignal,
  ): Promise<ReadonlyMap<string, GatewayReport>> {
    const { clock } = this.#options;
    const reports = new Map<string, GatewayReport>();
    await each(pods, AT_A_TIME, async (pod) => {
      const known = this.#known.get(pod.uid);
      const fresh = known !== undefined && clock.now() - known.at < FRESH_MS;
      const report = fresh ? known.report : await this.#ask(pod, signal);
      reports.set(pod.uid, report);
      if (!fresh && !signal.aborted) this.#remember(pod.uid, report);
    });
    signal.throwIfAborted();
    return reports;
  }

  async #ask(pod: GatewayPod, signal: AbortSignal): Promise<GatewayReport> {
    try {
      return { status: await this.#options.client.status(pod, signal) };
    } catch (error) {
      return { problem: error instanceof Error ? error.message : String(error) };
    }
  }

  #remember(uid: string, report: GatewayReport): void {
    this.#known.delete(uid);
    this.#known.set(uid, { report, at: this.#options.clock.now() });
    if (this.#known.size <= REMEMBERED) return;
    for (const oldest of this.#known.keys()) {
      this.#known.delete(oldest);
      return;
    }
  }
}
