import type { Clock, Timer } from '../protocol/clock.ts';
import type { Acked, Err, Pong, Subbed } from '../protocol/events.ts';
import { type Deferred, deferred } from './deferred.ts';
import { ClientError } from './errors.ts';

interface Pending {
  readonly done: Deferred<void>;
  readonly timer: Timer;
  /** Answers that are still to come. */
  left: number;
}

/** Numbers of requests, and who waits for their answers: each is settled exactly once. */
export class Requests {
  readonly #clock: Clock;
  readonly #timeoutMs: number;
  readonly #pending = new Map<number, Pending>();
  #last = 0;

  constructor(clock: Clock, timeoutMs: number) {
    this.#clock = clock;
    this.#timeoutMs = timeoutMs;
  }

  /** Nobody waits for an answer. */
  get idle(): boolean {
    return this.#pending.size === 0;
  }

  /** A number that no other request of this client has, on any of its connections. */
  next(): number {
    this.#last += 1;
    return this.#last;
  }

  /**
   * Resolves when so many answers came. Rejects with the gateway's error, with `timeout`, or with
   * `disconnected` when the connection ended first.
   */
  expect(id: number, answers = 1): Promise<void> {
    const done = deferred<void>();
    const timer = this.#clock.after(this.#timeoutMs, () =>
      this.#settle(id)?.reject(new ClientError('timeout')),
    );
    this.#pending.set(id, { done, timer, left: answers });
    return done.promise;
  }

  /** False: nobody waits for it. An error is the last answer. */
  answer(id: number, event: Acked | Err | Pong | Subbed): boolean {
    const pending = this.#pending.get(id);
    if (pending === undefined) return false;
    pending.left -= 1;
    if (event.type === 'err') this.#settle(id)?.reject(new ClientError(event.code, event.message));
    else if (pending.left === 0) this.#settle(id)?.resolve();
    return true;
  }

  /** The connection ended: no answer will come, to these or to any. */
  lost(ids: readonly number[] = [...this.#pending.keys()]): void {
    for (const id of ids) this.#settle(id)?.reject(new ClientError('disconnected'));
  }

  #settle(id: number): Deferred<void> | undefined {
    const pending = this.#pending.get(id);
    this.#pending.delete(id);
    pending?.timer.cancel();
    return pending?.done;
  }
}
