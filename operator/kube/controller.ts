import type { Clock, Random } from '../../protocol/clock.ts';
import {
  type Priority,
  type QueueCounts,
  type ReconcileCounts,
  type ReconcileResult,
  silentReconcileCounts,
} from './counts.ts';
import { KubeError } from './kube-error.ts';
import type { Log } from './log.ts';
import { type Added, WorkQueue } from './work-queue.ts';

/** For a reconciler's own error, which nothing but a change of the object can mend. */
export class TerminalError extends Error {
  override readonly name = 'TerminalError';
}

/** What a reconciler asks for when nothing was wrong. */
export interface Reconciled {
  /** Look again after so much time, also if nothing changes. Default: only when something does. */
  readonly againAfterMs?: number;
}

/**
 * Makes the world what an object says, whatever happened to it: it is told a name, not an event, is
 * never called twice at a time for one name, and may be called at any time for no reason.
 *
 * What it throws says what follows. A `KubeError` that is `expected` (somebody wrote first, it is
 * gone): soon again, and nobody is alarmed. One that is `terminal`, and `TerminalError`: not again
 * until something changes. Everything else: again, after a wait that grows.
 */
export type Reconcile = (key: string, signal: AbortSignal) => Promise<Reconciled>;

export interface ControllerOptions {
  readonly name: string;
  readonly reconcile: Reconcile;
  /** Names that are worked on at a time. Default: 1. */
  readonly workers?: number;
  /** When its signal is aborted. Its end is waited for: nothing runs twice. Default: 2 min. */
  readonly deadlineMs?: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly counts?: ReconcileCounts & { readonly queue: QueueCounts };
}

const DEADLINE_MS = 120_000;

/** A queue of names, and workers that reconcile them. */
export class Controller {
  readonly #options: ControllerOptions;
  readonly #counts: ReconcileCounts;
  readonly #queue: WorkQueue;
  readonly #stopping = new AbortController();
  #workers: Promise<void>[] | undefined;
  #active = 0;

  constructor(options: ControllerOptions) {
    const { clock, random, counts, workers: most = 1 } = options;
    this.#options = options;
    this.#counts = counts ?? silentReconcileCounts;
    this.#queue = new WorkQueue({
      ...{ clock, random },
      ...(counts === undefined ? {} : { counts: counts.queue }),
    });
    this.#counts.reads(() => ({ active: this.#active, most }));
  }

  /** Something about it changed; `low`: nothing did, but look. */
  add(key: string, priority?: Priority): Added {
    const added = this.#queue.add(key, priority);
    const { log, name } = this.#options;
    if (added === 'full') log.error({ controller: name, key }, 'the queue is full: dropped');
    return added;
  }

  /** What was added before waits until then. */
  start(): void {
    if (this.#workers !== undefined) throw new Error(`${this.#options.name} was started before`);
    const { workers = 1 } = this.#options;
    this.#workers = Array.from({ length: workers }, () => this.#work());
  }

  /** Begins nothing new, aborts what is under way, and resolves when that has ended. */
  async stop(): Promise<void> {
    this.#stopping.abort(new Error(`${this.#options.name} was stopped`));
    this.#queue.close();
    await Promise.all(this.#workers ?? []);
  }

  async #work(): Promise<void> {
    for (let key = await this.#queue.take(); key !== undefined; key = await this.#queue.take()) {
      this.#active += 1;
      const began = this.#options.clock.now();
      const result = await this.#reconcile(key);
      this.#counts.reconciled(result, this.#options.clock.now() - began);
      this.#active -= 1;
      this.#queue.done(key);
    }
  }

  async #reconcile(key: string): Promise<ReconcileResult> {
    const { reconcile, clock, deadlineMs = DEADLINE_MS } = this.#options;
    const late = new AbortController();
    const error = new Error(`not within ${deadlineMs} ms`);
    const timer = clock.after(deadlineMs, () => late.abort(error));
    try {
      const signal = AbortSignal.any([this.#stopping.signal, late.signal]);
      const { againAfterMs } = await reconcile(key, signal);
      this.#queue.forget(key);
      if (againAfterMs === undefined) return 'success';
      this.#queue.addAfter(key, againAfterMs);
      return 'requeue_after';
    } catch (thrown) {
      return this.#failed(key, thrown);
    } finally {
      timer.cancel();
    }
  }

  #failed(key: string, error: unknown): ReconcileResult {
    const { log, name } = this.#options;
    const about = { controller: name, key, err: error };
    if (this.#stopping.signal.aborted) {
      log.debug(about, 'ended by the stop');
      return 'requeue';
    }
    const verdict = verdictOf(error);
    if (verdict === 'terminal') {
      this.#queue.forget(key);
      this.#counts.terminal();
      log.error(about, 'failed for good, until something changes');
      return 'error';
    }
    this.#queue.retry(key, error instanceof KubeError ? error.retryAfterMs : 0);
    if (verdict === 'expected') {
      log.debug(about, 'looking again');
      return 'requeue';
    }
    log.warn(about, 'failed, trying again');
    return 'error';
  }
}

function verdictOf(error: unknown): KubeError['verdict'] {
  if (error instanceof KubeError) return error.verdict;
  return error instanceof TerminalError ? 'terminal' : 'retry';
}
