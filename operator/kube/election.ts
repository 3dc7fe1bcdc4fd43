import { type Clock, type Random, sleep, type Timer } from '../../protocol/clock.ts';
import type { ApiServer } from './connection.ts';
import { isNotFound, KubeError } from './kube-error.ts';
import {
  type LeaseClaim,
  LeaseClient,
  type LeasePlace,
  type LeaseRecord,
  microTime,
} from './lease.ts';
import type { Log } from './log.ts';

export interface ElectionTimes {
  /** How long others wait for a sign of the holder before they take the Lease. */
  readonly leaseMs: number;
  /** How long the holder goes on without a renewal that succeeded; then it ends its work. */
  readonly renewDeadlineMs: number;
  /** Between two renewals, and between two looks of those that wait. */
  readonly retryMs: number;
}

/** controller-runtime's. */
const electionTimes: ElectionTimes = {
  ...{ leaseMs: 15_000, renewDeadlineMs: 10_000, retryMs: 2_000 },
};

export interface ElectionOptions extends LeasePlace {
  readonly api: ApiServer;
  /** Of this process alone, also after a restart under the same name of pod. */
  readonly identity: string;
  readonly times?: ElectionTimes;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Told of every change. */
  readonly leading?: (leads: boolean) => void;
  /**
   * The work of the leader. Its signal is aborted when it must end, whatever the reason; the Lease
   * is released, or given up, only after it resolved. It must not reject for the abort.
   */
  readonly lead: (signal: AbortSignal, term: Term) => Promise<void>;
}

/** What proves, at any moment, that this process still leads. */
export interface Term {
  /**
   * Throws when it does not, or cannot know. To be asked right before every write: a process that
   * was frozen runs on in the middle of anything, before any timer tells it that its time is over.
   */
  check(): void;
}

/** Wall clocks are slewed and set by a little all the time. */
const WALL_SLACK_MS = 1_000;

/** The work was begun as a leader that this process is no more. */
export class NotLeading extends Error {
  override readonly name = 'NotLeading';
}

/** The API server, for a leader alone: nothing is sent for who does not lead at that moment. */
export function whileLeading(api: ApiServer, term: Term, signal: AbortSignal): ApiServer {
  const both = (own: AbortSignal | undefined) =>
    own === undefined ? signal : AbortSignal.any([own, signal]);
  return {
    call: (call) => api.call({ ...call, signal: both(call.signal), before: () => term.check() }),
    watch: (watching) => api.watch({ ...watching, signal: both(watching.signal) }),
  };
}

/**
 * One leader among processes, by a Lease that each renews while it leads.
 *
 * - Nobody's clock is believed: a Lease is free when its record was not seen to change for as long
 *   as it says, by this process' own monotonic clock, from when it saw it first.
 * - A holder measures from before it sent its last renewal that succeeded. Its work ends after
 *   `renewDeadlineMs`, the others wait for `leaseMs`: the difference is what the work has to end.
 * - A leader that was frozen finds by its clock that its term is over (`Term.check`) before it
 *   sends anything else; monotonic time goes on while a process is stopped.
 * - What it was about to send when it was frozen may leave after the thaw: Node hands requests to
 *   the socket at the end of a turn of its event loop, and an API server knows no fence. Whoever
 *   leads must look at what is there and put it right, as reconcilers do; client-go is no stricter.
 */
export class Election {
  readonly #options: ElectionOptions;
  readonly #times: ElectionTimes;
  readonly #lease: LeaseClient;
  readonly #stopping = new AbortController();
  #running: Promise<void> | undefined;
  /** The last record, and when this process first saw it. */
  #seen: { readonly record: LeaseRecord; readonly at: number } | undefined;
  #leads = false;

  constructor(options: ElectionOptions) {
    const { leaseMs, renewDeadlineMs, retryMs } = options.times ?? electionTimes;
    if (!(leaseMs > renewDeadlineMs && renewDeadlineMs > 2 * retryMs && retryMs > 0)) {
      throw new RangeError('leaseMs must be above renewDeadlineMs, and that above twice retryMs');
    }
    this.#options = options;
    this.#times = { leaseMs, renewDeadlineMs, retryMs };
    this.#lease = new LeaseClient(options.api, options);
  }

  start(): void {
    if (this.#running !== undefined) throw new Error('the election was started before');
    this.#running = this.#run();
  }

  /** Ends the work, releases the Lease if this process holds it, and resolves then. */
  async stop(): Promise<void> {
    this.#stopping.abort(new Error('the election was stopped'));
    await this.#running;
  }

  get leads(): boolean {
    return this.#leads;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      const sentAt = this.#options.clock.now();
      if (await this.#acquire()) await this.#lead(sentAt);
      await this.#pause(this.#times.retryMs, signal);
    }
  }

  /** Whether this process holds it now. */
  async #acquire(): Promise<boolean> {
    const { clock, log, identity } = this.#options;
    try {
      const record = await this.#lease.read(this.#call(this.#stopping.signal));
      this.#see(record);
      if (!this.#isFree(record)) return false;
      const claim = this.#claim(record.transitions + 1, undefined);
      this.#see(await this.#lease.update(claim, record, this.#call(this.#stopping.signal)));
      return true;
    } catch (error) {
      if (isNotFound(error)) return this.#create();
      this.#explain(error, 'the lease could not be had');
      return false;
    } finally {
      log.debug({ lease: this.#options.name, identity, at: clock.now() }, 'looked at the lease');
    }
  }

  async #create(): Promise<boolean> {
    try {
      const claim = this.#claim(0, undefined);
      this.#see(await this.#lease.create(claim, this.#call(this.#stopping.signal)));
      return true;
    } catch (error) {
      this.#explain(error, 'the lease could not be made');
      return false;
    }
  }

  #isFree({ holder, durationMs }: LeaseRecord): boolean {
    const { clock, identity } = this.#options;
    // A former life of ours by the same name: nobody else can be meant.
    if (holder === undefined || holder === identity) return true;
    const patience = durationMs ?? this.#times.leaseMs;
    return clock.now() - (this.#seen?.at ?? clock.now()) >= patience;
  }

  #see(record: LeaseRecord): void {
    if (this.#seen?.record.resourceVersion === record.resourceVersion) return;
    this.#seen = { record, at: this.#options.clock.now() };
  }

  /** Works until the term is over, then lets go. `sentAt`: when the claim was sent. */
  async #lead(sentAt: number): Promise<void> {
    const { log, leading, lead, identity, name } = this.#options;
    const term = new HeldTerm(this.#options.clock, this.#times.renewDeadlineMs, sentAt);
    const onStop = () => term.end('the election was stopped');
    this.#stopping.signal.addEventListener('abort', onStop, { once: true });
    if (this.#stopping.signal.aborted) onStop();
    log.info({ lease: name, identity }, 'leading');
    this.#leads = true;
    leading?.(true);
    const renewing = this.#renew(term);
    try {
      await lead(term.signal, term);
      if (!term.signal.aborted) term.end('its work is done');
    } catch (error) {
      log.error({ lease: name, err: error }, 'the work of the leader failed');
      term.end('its work failed');
    }
    await renewing;
    this.#stopping.signal.removeEventListener('abort', onStop);
    this.#leads = false;
    leading?.(false);
    log.info({ lease: name, identity, why: term.why }, 'leading no more');
    await this.#release();
  }

  async #renew(term: HeldTerm): Promise<void> {
    const { clock, identity } = this.#options;
    while (!term.signal.aborted) {
      await this.#pause(this.#times.retryMs, term.signal);
      if (term.signal.aborted) return;
      const sentAt = clock.now();
      try {
        const record = this.#seen?.record ?? (await this.#lease.read(this.#call(term.signal)));
        if (record.holder !== identity) return term.end(`${record.holder ?? 'nobody'} holds it`);
        const claim = this.#claim(record.transitions, record.acquireTime);
        this.#see(await this.#lease.update(claim, record, this.#call(term.signal)));
        term.renewed(sentAt);
      } catch (error) {
        if (term.signal.aborted) return;
        // What came of it is unknown, or somebody wrote: the next try reads first.
        this.#seen = undefined;
        if (isNotFound(error)) return term.end('the lease was deleted');
        this.#explain(error, 'the lease was not renewed');
      }
    }
  }

  /** So that the next one need not wait. Only a record that is still ours is written. */
  async #release(): Promise<void> {
    const { identity, log, name } = this.#options;
    const signal = AbortSignal.any([]);
    try {
      const record = this.#seen?.record ?? (await this.#lease.read(this.#call(signal)));
      if (record.holder !== identity) return;
      const claim = this.#claim(record.transitions, record.acquireTime);
      const free = { ...claim, holder: undefined, durationMs: 1000 };
      this.#see(await this.#lease.update(free, record, this.#call(signal)));
    } catch (error) {
      // It runs out by itself.
      log.info({ lease: name, err: error }, 'the lease was not released');
      this.#seen = undefined;
    }
  }

  #claim(transitions: number, acquireTime: string | undefined): LeaseClaim {
    const { clock, identity } = this.#options;
    const now = microTime(clock.wall());
    const { leaseMs: durationMs } = this.#times;
    return {
      holder: identity,
      durationMs,
      transitions,
      acquireTime: acquireTime ?? now,
      renewTime: now,
    };
  }

  #call(signal: AbortSignal): { readonly deadlineMs: number; readonly signal: AbortSignal } {
    // Several tries fit into the time that is left after one that was lost.
    return { deadlineMs: this.#times.renewDeadlineMs / 2, signal };
  }

  #explain(error: unknown, message: string): void {
    if (this.#stopping.signal.aborted) return;
    const { log, name } = this.#options;
    const expected = error instanceof KubeError && error.verdict === 'expected';
    log[expected ? 'debug' : 'warn']({ lease: name, err: error }, message);
  }

  /** A tenth more or less, so that those who wait do not come together. */
  #pause(ms: number, signal: AbortSignal): Promise<void> {
    const { clock, random } = this.#options;
    return sleep(clock, ms * (0.9 + 0.2 * random()), signal).catch(() => {});
  }
}

/** A time of leading, which ends by itself unless it is renewed. */
class HeldTerm implements Term {
  readonly #clock: Clock;
  readonly #lastsMs: number;
  readonly #ending = new AbortController();
  #until: number;
  /** The same by the wall, which goes on while a whole machine is suspended. */
  #untilWall: number;
  #timer: Timer;
  why = '';

  constructor(clock: Clock, lastsMs: number, from: number) {
    this.#clock = clock;
    this.#lastsMs = lastsMs;
    this.#until = from + lastsMs;
    this.#untilWall = clock.wall() + this.#until - clock.now();
    this.#timer = this.#setTimer();
  }

  get signal(): AbortSignal {
    return this.#ending.signal;
  }

  check(): void {
    if (!this.signal.aborted && this.#isOver()) this.end('it was not renewed');
    if (this.signal.aborted) throw new NotLeading(`leading no more: ${this.why}`);
  }

  /** `sentAt`: what the others count from is later. */
  renewed(sentAt: number): void {
    // An answer that came too late finds the term over; it is not begun anew.
    if (this.signal.aborted) return;
    if (this.#isOver()) {
      this.end('it was not renewed in time');
      return;
    }
    this.#untilWall += sentAt + this.#lastsMs - this.#until;
    this.#until = sentAt + this.#lastsMs;
    this.#timer.cancel();
    this.#timer = this.#setTimer();
  }

  end(why: string): void {
    if (this.signal.aborted) return;
    this.why = why;
    this.#timer.cancel();
    this.#ending.abort(new NotLeading(`leading no more: ${why}`));
  }

  /** A wall that was set forward ends a term too early, which does no harm. */
  #isOver(): boolean {
    return (
      this.#clock.now() >= this.#until || this.#clock.wall() >= this.#untilWall + WALL_SLACK_MS
    );
  }

  #setTimer(): Timer {
    return this.#clock.after(this.#until - this.#clock.now(), () => this.end('it was not renewed'));
  }
}
