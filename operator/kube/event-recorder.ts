import { type Clock, type Random, sleep } from '../../protocol/clock.ts';
import { backoffMs } from './backoff.ts';
import type { ApiServer } from './connection.ts';
import { isNotFound, KubeError } from './kube-error.ts';
import { microTime } from './lease.ts';
import type { Log } from './log.ts';
import type { KubeObject } from './objects.ts';
import { remember } from './remember.ts';
import { pathOf, type Resource } from './resource.ts';

export const events: Resource = {
  group: 'events.k8s.io',
  ...{ version: 'v1', plural: 'events', kind: 'Event', namespaced: true },
};

export interface EventRecorderOptions {
  readonly api: ApiServer;
  /** `wscluster.io/operator`: who says it. */
  readonly controller: string;
  /** Which of them: the name of its pod. */
  readonly instance: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

export interface Happening {
  readonly type: 'Normal' | 'Warning';
  /** One word for machines: `QuotaBlocked`. */
  readonly reason: string;
  /** What was done or tried: `CreatePod`. */
  readonly action: string;
  /** For people; cut off after 1,024 bytes. */
  readonly note: string;
}

/** client-go's, all of them. */
const SERIES_MS = 6 * 60_000;
const BURST = 25;
const REFILL_MS = 5 * 60_000;
const NOTE_BYTES = 1024;
/** Events wait for a slow API server in a line of this length; what comes then is dropped. */
const PENDING = 1_000;
/** Series and allowances that are remembered; the oldest is forgotten first. */
const REMEMBERED = 4_096;
const TRIES = 5;
const BACKOFF = { baseMs: 500, capMs: 30_000 };
/** What is still to be said at a stop has so long. */
const FAREWELL_MS = 3_000;

/** The same said again and again is one Event that counts. */
interface Series {
  readonly namespace: string;
  readonly name: string;
  readonly body: object;
  count: number;
  /** How often, and until when, the API server knows. */
  written: number;
  writtenAt: number;
  lastWall: number;
}

/**
 * Says what happened to an object, as Events (events.k8s.io/v1). Saying it costs nothing and never
 * fails: it is sent behind the back, tried again, and dropped rather than kept for ever.
 *
 * A reconciler says the same each time it looks: only the first is an Event of its own; repetitions
 * are counted in it, and written once in six minutes. About one object 25 different ones can be
 * said at once, and one in five minutes from then on; as many again that warn, which must not be
 * lost because much went well.
 */
export class EventRecorder {
  readonly #options: EventRecorderOptions;
  readonly #series = new Map<string, Series>();
  readonly #allowances = new Map<string, { left: number; at: number }>();
  readonly #pending: Series[] = [];
  readonly #stopping = new AbortController();
  #sending: Promise<void> | undefined;
  #dropped = 0;
  #numbers = 0;

  constructor(options: EventRecorderOptions) {
    this.#options = options;
  }

  /** How many were dropped: too many, or not to be sent. */
  get dropped(): number {
    return this.#dropped;
  }

  /** `regarding`: with its kind and uid. */
  record(regarding: KubeObject, happening: Happening): void {
    const { clock } = this.#options;
    const { uid = '' } = regarding.metadata;
    const { type, reason, action, note } = happening;
    const key = JSON.stringify([uid, type, reason, action, note]);
    const known = this.#series.get(key);
    if (known === undefined) {
      if (this.#stopping.signal.aborted || !this.#allows(`${type} ${uid}`)) {
        this.#dropped += 1;
        return;
      }
      const series = this.#begin(regarding, happening);
      remember(this.#series, [key, series], REMEMBERED);
      this.#send(series);
      return;
    }
    known.count += 1;
    known.lastWall = clock.wall();
    if (clock.now() - known.writtenAt >= SERIES_MS) this.#send(known);
  }

  /** Says what is still to be said, for a moment, and resolves. */
  async stop(): Promise<void> {
    const farewell = this.#options.clock.after(FAREWELL_MS, () => this.#abort());
    await this.#sending;
    farewell.cancel();
    this.#abort();
  }

  #abort(): void {
    this.#stopping.abort(new Error('the recorder was stopped'));
  }

  #allows(whose: string): boolean {
    const now = this.#options.clock.now();
    const { left, at } = this.#allowances.get(whose) ?? { left: BURST, at: now };
    const filled = Math.min(BURST, left + (now - at) / REFILL_MS);
    const allowed = filled >= 1;
    const allowance = { left: allowed ? filled - 1 : filled, at: now };
    remember(this.#allowances, [whose, allowance], REMEMBERED);
    return allowed;
  }

  #begin(regarding: KubeObject, { note, ...happening }: Happening): Series {
    const { clock, controller, instance } = this.#options;
    const { name: about = '', namespace = 'default', uid } = regarding.metadata;
    const { apiVersion, kind } = regarding;
    const number = (this.#numbers++).toString(16);
    const name = `${about.slice(0, 200)}.${clock.wall().toString(16)}${number}${this.#chance()}`;
    const body = {
      ...{ apiVersion: 'events.k8s.io/v1', kind: 'Event', metadata: { name, namespace } },
      ...{ ...happening, note: cut(note), reportingController: controller },
      reportingInstance: instance.slice(0, 128),
      eventTime: microTime(clock.wall()),
      regarding: { apiVersion, kind, name: about, namespace: regarding.metadata.namespace, uid },
    };
    const unwritten = { count: 1, written: 0, writtenAt: clock.now(), lastWall: clock.wall() };
    return { namespace, name, body, ...unwritten };
  }

  /** Two operators say something in the same millisecond. */
  #chance(): string {
    return Math.floor(this.#options.random() * 0x10000).toString(16);
  }

  #send(series: Series): void {
    if (this.#pending.includes(series)) return;
    if (this.#pending.length >= PENDING) {
      this.#dropped += 1;
      return;
    }
    series.writtenAt = this.#options.clock.now();
    this.#pending.push(series);
    this.#sending ??= this.#sendAll();
  }

  async #sendAll(): Promise<void> {
    for (let next = this.#pending[0]; next !== undefined; next = this.#pending[0]) {
      await this.#sendOne(next);
      this.#pending.shift();
    }
    // In the same turn in which it found nothing more: what comes next is begun anew.
    this.#sending = undefined;
  }

  async #sendOne(series: Series): Promise<void> {
    const { clock, log, random } = this.#options;
    const { signal } = this.#stopping;
    for (let tries = 0; ; tries += 1) {
      try {
        const { count } = series;
        await this.#write(series);
        series.written = count;
        return;
      } catch (error) {
        const retry = error instanceof KubeError && error.verdict === 'retry';
        if (signal.aborted || !retry || tries + 1 >= TRIES) {
          this.#dropped += 1;
          log.debug({ event: series.name, err: error }, 'an event was dropped');
          return;
        }
        const wait = backoffMs(tries, { ...BACKOFF, random });
        await sleep(clock, Math.max(wait, error.retryAfterMs ?? 0), signal).catch(() => {});
      }
    }
  }

  async #write(series: Series): Promise<void> {
    const { api } = this.#options;
    const { namespace, name, body, count, lastWall } = series;
    const { signal } = this.#stopping;
    const repeated = { count, lastObservedTime: microTime(lastWall) };
    const path = pathOf(events, { namespace });
    if (series.written > 0) {
      const at = pathOf(events, { namespace, name });
      const patch = 'merge-patch+json' as const;
      try {
        await api.call({ method: 'PATCH', path: at, patch, body: { series: repeated }, signal });
        return;
      } catch (error) {
        // Events live for an hour: what still happens is said anew.
        if (!isNotFound(error)) throw error;
      }
    }
    const again = count > 1 ? { series: repeated } : {};
    await api.call({ method: 'POST', path, body: { ...body, ...again }, signal });
  }
}

/** As many bytes of whole characters as an Event takes. */
function cut(note: string): string {
  const bytes = Buffer.from(note);
  if (bytes.length <= NOTE_BYTES) return note;
  return `${bytes
    .subarray(0, NOTE_BYTES - 6)
    .toString('utf8')
    .replace(/\uFFFD+$/, '')}…`;
}
