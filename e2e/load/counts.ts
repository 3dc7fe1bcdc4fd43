import { Disturbances } from './disturbances.ts';

/** What a scenario waits for, counted as it happens. */
export class LoadCounts {
  deliveries = 0;
  gaps = 0;
  stale = 0;
  fresh = 0;
  reconnects = 0;
  /** Clients of the package that went on at another gateway without a break, as asked. */
  moves = 0;
  /** Those that were asked and stayed. */
  movesFailed = 0;
  /** How often the state of such a client was not `connected` any more, and it had not left. */
  interrupted = 0;
  /** Each time that such a client was asked to go, or cut off. */
  readonly disturbances = new Disturbances();
  /** Topics that somebody asked for and was granted, over the protocol. */
  granted = 0;
  acknowledged = 0;
  failed = 0;
  unknown = 0;
  duplicateAnswers = 0;
  /** Those of them that a client had to ask for again; the others, a gateway asked for itself. */
  askedAgain = 0;
  /** Acknowledged publishes, by the gateway that answered. */
  readonly acknowledgedBy = new Map<string, number>();
  /** Close codes, how often each. */
  readonly closes = new Map<number, number>();
  /** Error codes that publishers were answered. */
  readonly errors = new Map<string, number>();

  acknowledge(gateway: string): void {
    this.acknowledged += 1;
    this.acknowledgedBy.set(gateway, (this.acknowledgedBy.get(gateway) ?? 0) + 1);
  }

  closed(code: number): void {
    this.closes.set(code, (this.closes.get(code) ?? 0) + 1);
  }

  refused(code: string): void {
    this.errors.set(code, (this.errors.get(code) ?? 0) + 1);
  }
}
