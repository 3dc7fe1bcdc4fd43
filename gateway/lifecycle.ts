import type { Clock } from '../protocol/clock.ts';
import type { Logger } from './logger.ts';

/** A part of a gateway that is started and stopped. */
export interface Part {
  /** For logs: who did not start, who hung. */
  readonly name: string;
  start(): Promise<void>;
  /** Default: that of all parts. */
  readonly startMs?: number;
  /** Called only after `start` succeeded. */
  stop(): Promise<void>;
}

export interface LifecycleParts {
  readonly clock: Clock;
  readonly logger: Logger;
  /** For each part. */
  readonly startMs: number;
  readonly stopMs: number;
}

/**
 * Starts parts in order and stops them in reverse. Nobody waits without a deadline: who does not
 * start in time stops everything before it, and who does not stop in time is named and left.
 */
export class Lifecycle {
  readonly #options: LifecycleParts;
  readonly #started: Part[] = [];
  #stopping: Promise<void> | undefined;

  constructor(options: LifecycleParts) {
    this.#options = options;
  }

  /** Rejects with what the part that failed threw, after the others were stopped. */
  async start(parts: readonly Part[]): Promise<void> {
    try {
      for (const part of parts) {
        await this.#inTime(
          part.start(),
          `${part.name} did not start`,
          part.startMs ?? this.#options.startMs,
        );
        this.#started.push(part);
        if (this.#stopping !== undefined) throw new Error('stopped while it was starting');
      }
    } catch (error) {
      await this.stop();
      // What came up while everything else was being stopped.
      await this.#stopAll();
      throw error;
    }
  }

  /** Never rejects. All who ask get the same end. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stopAll();
    return this.#stopping;
  }

  async #stopAll(): Promise<void> {
    const { logger, stopMs } = this.#options;
    for (let part = this.#started.pop(); part !== undefined; part = this.#started.pop()) {
      try {
        await this.#inTime(part.stop(), `${part.name} did not stop`, stopMs);
      } catch (error) {
        logger.error({ part: part.name, error }, 'a part could not be stopped');
      }
    }
  }

  #inTime(step: Promise<void>, what: string, limitMs: number): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const timer = this.#options.clock.after(limitMs, () =>
      reject(new Error(`${what} within ${limitMs} ms`)),
    );
    step.then(resolve, reject).finally(() => timer.cancel());
    return promise;
  }
}
