import type { Clock } from '../../protocol/clock.ts';
import type { Logger } from '../logger.ts';
import type { Sessions } from '../stream/stream.ts';

/** An outage is over when nothing failed for so long: near the limit of memory some steps work. */
const CALM_MS = 10_000;

/** The same sessions; the log is told once when they cannot be kept, and once when they can. */
export function withOutageLogged(sessions: Sessions, parts: Parts): Sessions {
  const outage = new Outage(parts);
  return {
    open: (key) =>
      sessions.open(key).then((opened) => {
        if (opened.unwritten === undefined) outage.worked();
        else outage.failed(opened.unwritten);
        return opened;
      }, outage.rejected),
    save: (key, generation, changed) =>
      sessions.save(key, generation, changed).then((result) => {
        outage.worked();
        return result;
      }, outage.rejected),
  };
}

interface Parts {
  readonly clock: Clock;
  readonly logger: Logger;
}

class Outage {
  readonly #parts: Parts;
  /** When (clock.now) something failed last, while that is not over. */
  #failedAt: number | undefined;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  readonly rejected = (error: unknown): never => {
    this.failed(error instanceof Error ? error.message : String(error));
    throw error;
  };

  failed(reason: string): void {
    const { clock, logger } = this.#parts;
    if (this.#failedAt === undefined) {
      logger.warn(
        { reason },
        'sessions cannot be kept: cursors stay where they are, and are retried',
      );
    }
    this.#failedAt = clock.now();
  }

  worked(): void {
    const { clock, logger } = this.#parts;
    if (this.#failedAt === undefined || clock.now() - this.#failedAt < CALM_MS) return;
    this.#failedAt = undefined;
    logger.info({}, 'sessions are kept again');
  }
}
