import { type Clock, type Random, sleep, type Timer } from '../../protocol/clock.ts';
import type { Reach } from './chain.ts';
import type { DoubtCause, StreamCounts } from './counts.ts';
import { Prober } from './liveness-probe.ts';
import type { Log, Probe } from './log.ts';
import { retryDelay } from './retry-delay.ts';
import { timeLimit } from './time-limit.ts';

/** What the liveness needs of the stream that it belongs to. */
export interface LivenessOwner {
  /** Nothing may be told of any topic until `trusted`. */
  doubted(): void;
  /** What is heard is complete again; what was heard before must be checked. */
  trusted(): void;
  /** Every live copy that was sent before this Redis second has been heard. */
  proven(second: number): void;
  /** Called at every interval while nothing is in doubt. */
  rotate(): void;
  /** What this pod knows of every topic, in that second of the log's clock. */
  known(second: number): readonly Map<string, Reach>[];
  /** The listener must be told that what it has may be old. */
  stale(): void;
  /** Since when (clock.now) the log refused reads without one that worked. */
  readonly failingSince: number | undefined;
}

export interface LivenessOptions {
  readonly log: Log;
  readonly clock: Clock;
  readonly random: Random;
  readonly counts: StreamCounts;
  readonly settings: {
    readonly probeIntervalMs: number;
    readonly settleMs: number;
  };
}

/** A probe that is not back after this many intervals is lost. */
const PROBE_INTERVALS = 2;
/** Cut off for longer than this many intervals, the pod says so. */
const STALE_INTERVALS = 2;
/** An interval that took this many times its length: the process was frozen. */
const FROZEN_INTERVALS = 3;
const TOPICS_PER_REPORT = 1_000;

/**
 * Whether what is heard is all there is. It is in doubt from a reconnect, a lost probe, a change
 * of lineage or a freeze of this process on, until a probe came back and, where the lineage has
 * changed, what this pod knew was reported.
 */
export class Liveness {
  readonly #owner: LivenessOwner;
  readonly #options: LivenessOptions;
  readonly #prober: Prober;
  readonly #stopping = new AbortController();
  #timer: Timer | undefined;
  #ticked = 0;
  #lineage = '';
  /** Of which what was known has been told before the last word. */
  #foretold = '';
  #started = false;
  #trusted = false;
  /** Grows with each doubt, so that a proof can tell whether it is newer than the last one. */
  #doubts = 0;
  #regaining = false;
  #beating = false;
  #hurry: AbortController | undefined;
  #lostSince: number | undefined;

  constructor(owner: LivenessOwner, options: LivenessOptions) {
    this.#owner = owner;
    this.#options = options;
    this.#prober = new Prober({
      log: options.log,
      clock: options.clock,
      limitMs: options.settings.probeIntervalMs * PROBE_INTERVALS,
      name: options.random().toString(36).slice(2),
    });
    this.#lostSince = options.clock.now();
  }

  get trusted(): boolean {
    return this.#trusted;
  }

  get lineage(): string {
    return this.#lineage;
  }

  /** Since when (clock.now) the log is cut off; undefined: it is not. */
  get lostSince(): number | undefined {
    return this.#lostSince;
  }

  /** Rejects with what the first probe met. */
  async start(): Promise<void> {
    const probe = await this.#prober.next();
    this.#stopping.signal.throwIfAborted();
    this.#lineage = probe.lineage;
    this.#started = true;
    this.#ticked = this.#options.clock.now();
    this.#arm();
    this.#trust(probe);
  }

  stop(): void {
    this.#trusted = false;
    this.#timer?.cancel();
    this.#stopping.abort();
  }

  probed(token: string): void {
    this.#prober.probed(token);
  }

  /** A probe that began after this call; rejects when it is lost. */
  prove(): Promise<Probe> {
    return this.#prober.next();
  }

  up(): void {
    this.#hurry?.abort();
    if (this.#started) this.#doubt('reconnect');
  }

  down(): void {
    this.#lostSince ??= this.#options.clock.now();
    if (this.#started) this.#doubt('reconnect');
  }

  /** A reply carried this lineage. Only a probe decides, since it saw both connections. */
  saw(lineage: string): void {
    if (lineage !== this.#lineage && this.#trusted) void this.#beat();
  }

  /**
   * Must be asked before a live copy is used: after a freeze of the process what the sockets
   * held is heard before any timer runs.
   */
  awake(): void {
    const now = this.#options.clock.now();
    const limit = this.#options.settings.probeIntervalMs * FROZEN_INTERVALS;
    if (!this.#started || now - this.#ticked <= limit) return;
    this.#ticked = now;
    this.#doubt('frozen');
  }

  #arm(): void {
    const { clock, settings } = this.#options;
    this.#timer = clock.after(settings.probeIntervalMs, () => this.#tick());
  }

  #tick(): void {
    this.awake();
    this.#ticked = this.#options.clock.now();
    this.#arm();
    this.#noticeStale();
    if (!this.#trusted) return;
    void this.#beat();
    this.#owner.rotate();
  }

  #noticeStale(): void {
    const since = this.#lostSince ?? this.#owner.failingSince;
    const limit = this.#options.settings.probeIntervalMs * STALE_INTERVALS;
    if (since !== undefined && this.#ticked - since > limit) this.#owner.stale();
  }

  async #beat(): Promise<void> {
    if (this.#beating) return;
    this.#beating = true;
    const began = this.#options.clock.now();
    const doubts = this.#doubts;
    try {
      const probe = await this.#prober.next();
      if (this.#doubts !== doubts || !this.#trusted) return;
      if (probe.lineage === this.#lineage) this.#owner.proven(probe.second);
      else this.#doubt('lineage');
    } catch {
      // Whatever the reason was, what matters is that nothing came back.
      this.#foretell();
      if (this.#doubts !== doubts || !this.#trusted) return;
      this.#lostSince ??= began;
      this.#doubt('probe_lost');
    } finally {
      this.#beating = false;
    }
  }

  #doubt(cause: DoubtCause): void {
    if (this.#stopping.signal.aborted) return;
    this.#doubts += 1;
    this.#trusted = false;
    this.#options.counts.doubt(cause);
    this.#owner.doubted();
    if (!this.#regaining) void this.#regain();
  }

  /** Tries until it is trusted or stopped; each try has a deadline, and a pause follows it. */
  async #regain(): Promise<void> {
    this.#regaining = true;
    for (let failures = 0; !this.#stopping.signal.aborted; ) {
      const doubts = this.#doubts;
      const began = this.#options.clock.now();
      try {
        const probe = await this.#prober.next();
        if (probe.lineage !== this.#lineage) await this.#report(probe);
        if (doubts !== this.#doubts) continue;
        this.#regaining = false;
        if (!this.#stopping.signal.aborted) this.#trust(probe);
        return;
      } catch {
        // The next try tells whether the log is back; the loss itself is known and shown.
        this.#foretell();
        this.#lostSince ??= began;
        failures += 1;
        await this.#pause(failures);
      }
    }
    this.#regaining = false;
  }

  #trust(probe: Probe): void {
    this.#lostSince = undefined;
    this.#trusted = true;
    this.#owner.trusted();
    this.#owner.proven(probe.second);
  }

  /** Waits before the next try; a connection that comes up ends it. */
  async #pause(failures: number): Promise<void> {
    const { clock, random, settings } = this.#options;
    const longest = settings.probeIntervalMs;
    this.#hurry = new AbortController();
    const signal = AbortSignal.any([this.#hurry.signal, this.#stopping.signal]);
    await sleep(clock, Math.min(longest, retryDelay(failures, random)), signal).catch(() => {});
    this.#hurry = undefined;
  }

  /**
   * The log answers and has changed, but what it sends is not heard yet. What this pod knew is told
   * at once, because the log waits only so long for it; the last word follows as always.
   */
  #foretell(): void {
    const { clock, log, settings } = this.#options;
    const { lineage, second } = this.#prober.answered ?? { lineage: this.#lineage, second: 0 };
    if (lineage === this.#lineage || lineage === this.#foretold) return;
    this.#foretold = lineage;
    for (const part of this.#owner.known(second).flatMap(inParts)) {
      if (part.size === 0) continue;
      timeLimit(clock, settings.settleMs, log.report(lineage, part, false)).catch(() => {
        // The next probe that is lost tries again, and the last word says all of it once more.
        this.#foretold = '';
      });
    }
  }

  /** Before the new history is read, the log learns what this pod knew of the old one. */
  async #report({ lineage, second }: Probe): Promise<void> {
    const { clock, counts, log, settings } = this.#options;
    const until = clock.now() + settings.settleMs;
    const parts = this.#owner.known(second).flatMap(inParts);
    let failures = 0;
    while (parts.length > 0 && !this.#stopping.signal.aborted) {
      const [part] = parts;
      if (part === undefined) break;
      try {
        const report = log.report(lineage, part, parts.length === 1);
        await timeLimit(clock, settings.settleMs, report);
        parts.shift();
      } catch {
        // Reports are merged by the log, so one that may have arrived is simply sent again.
        failures += 1;
        if (clock.now() >= until) break;
        await this.#pause(failures);
      }
    }
    this.#lineage = lineage;
    const lost = parts.reduce((topics, part) => topics + part.size, 0);
    if (parts.length > 0) counts.unreported(lost);
  }
}

/** At least one part: the log also wants to hear from a pod that knows nothing. */
function inParts(known: Map<string, Reach>): Map<string, Reach>[] {
  const entries = [...known];
  const parts: Map<string, Reach>[] = [];
  do {
    parts.push(new Map(entries.splice(0, TOPICS_PER_REPORT)));
  } while (entries.length > 0);
  return parts;
}
