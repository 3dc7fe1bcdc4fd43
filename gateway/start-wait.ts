import { type Clock, sleep } from '../protocol/clock.ts';
import type { Logger } from './logger.ts';
import { problemLine, SettingsError } from './settings/problem.ts';
import { StreamError } from './stream/stream.ts';

export interface StartWaitParts {
  readonly clock: Clock;
  readonly logger: Logger;
  /** From its making on, for everything that is waited for together; 0: nothing is waited for. */
  readonly limitMs: number;
}

/** What a start waits for: the setting or the part, and why it cannot be used yet. */
export interface Lacking {
  readonly what: string;
  readonly reason: string;
}

const PAUSE_MS = 1_000;

/**
 * Waits at the start for what somebody else has yet to make: a Secret that is mounted later, a
 * Redis that is not there. An operator makes pods before their user made everything else, and pods
 * that end instead come back later each time, minutes after there is nothing left to wait for.
 */
export class StartWait {
  readonly #parts: StartWaitParts;
  readonly #end: number;
  readonly #stopped = new AbortController();
  #lacking: readonly Lacking[] = [];

  constructor(parts: StartWaitParts) {
    this.#parts = parts;
    this.#end = parts.clock.now() + parts.limitMs;
  }

  /** Empty: nothing is waited for. */
  get lacking(): readonly Lacking[] {
    return this.#lacking;
  }

  /**
   * What the first attempt that succeeds gives. Rejects as the last attempt did when the time is
   * over, or with what nobody can mend from outside: anything but a SettingsError or StreamError.
   */
  async first<T>(attempt: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        const made = await attempt();
        this.#lacking = [];
        return made;
      } catch (error) {
        const lacking = lackingBy(error);
        const { clock } = this.#parts;
        if (lacking === undefined || clock.now() + PAUSE_MS > this.#end) throw error;
        this.#tell(lacking);
        await sleep(clock, PAUSE_MS, this.#stopped.signal);
      }
    }
  }

  /** Ends every wait. */
  stop(): void {
    this.#stopped.abort(new Error('stopped while it was starting'));
  }

  /** The same is not told twice. */
  #tell(lacking: readonly Lacking[]): void {
    const known = JSON.stringify(this.#lacking);
    this.#lacking = lacking;
    if (JSON.stringify(lacking) === known) return;
    this.#parts.logger.warn({ lacking }, 'not ready: it waits for what it lacks');
  }
}

function lackingBy(error: unknown): readonly Lacking[] | undefined {
  if (error instanceof StreamError) return [{ what: 'redis', reason: error.message }];
  if (!(error instanceof SettingsError)) return undefined;
  return error.problems.map((problem) => ({
    what: problem.field,
    reason: problemLine(problem),
  }));
}
