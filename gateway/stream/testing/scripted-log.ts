import assert from 'node:assert/strict';
import type { Position } from '../../../protocol/position.ts';
import { seeded } from '../../../protocol/testing/chance.ts';
import { ManualClock, turn } from '../../../protocol/testing/manual-clock.ts';
import { gatewaySettings, type StreamSettings } from '../../settings/declaration.ts';
import { silentStreamCounts } from '../counts.ts';
import type { Bell, Log, LogDraft, Probe, Resumed, ResumeRequest } from '../log.ts';
import type { Entry, Outcome, PageStep, SaveResult } from '../stream.ts';
import { TopicStream } from '../topic-stream.ts';
import { CheckingListener } from './checking-listener.ts';

/** A call that the test answers when it likes. */
export interface Asked<Request, Answer> {
  readonly topic: string;
  readonly request: Request;
  answer(value: Answer): Promise<void>;
  fail(error: Error): Promise<void>;
}

/**
 * A log without a log: it answers what a test tells it to, when it tells it to, so that every
 * order of events can be written down. What real stores do is tested on the real stores.
 */
class ScriptedLog implements Log {
  readonly unsuitable: readonly string[] = [];
  readonly resumes: Asked<ResumeRequest, Resumed>[] = [];
  readonly appends: Asked<readonly LogDraft[], readonly Outcome[]>[] = [];
  readonly listens: Asked<undefined, void>[] = [];
  readonly reports: { lineage: string; known: ReadonlyMap<string, Position>; last: boolean }[] = [];
  readonly unlistened: string[] = [];
  readonly tokens: string[] = [];
  probe_: Probe = { lineage: 'L1', second: 100 };
  /** Whether probes come back, and whether topics are listened to, without being asked. */
  probing = true;
  listening = true;
  #bell: Bell | undefined;

  get bell(): Bell {
    assert(this.#bell !== undefined, 'not started');
    return this.#bell;
  }

  async start(bell: Bell): Promise<void> {
    this.#bell = bell;
    bell.up();
  }

  async stop(): Promise<void> {}

  append(topic: string, request: readonly LogDraft[]): Promise<readonly Outcome[]> {
    return ask(this.appends, topic, request);
  }

  resume(topic: string, request: ResumeRequest): Promise<Resumed> {
    return ask(this.resumes, topic, request);
  }

  async report(lineage: string, known: ReadonlyMap<string, Position>, last: boolean) {
    this.reports.push({ lineage, known, last });
  }

  async listen(topic: string): Promise<void> {
    if (!this.listening) await ask<undefined, void>(this.listens, topic, undefined);
  }

  unlisten(topic: string): void {
    this.unlistened.push(topic);
  }

  now(): number {
    return 1_000 * this.probe_.second;
  }

  async probe(token: string): Promise<Probe> {
    this.tokens.push(token);
    if (this.probing) this.bell.probed(token);
    return this.probe_;
  }

  async openSession() {
    return { generation: 1, cursors: new Map<string, Position>() };
  }

  async saveSession(): Promise<SaveResult> {
    return 'saved';
  }
}

function ask<Request, Answer>(
  asked: Asked<Request, Answer>[],
  topic: string,
  request: Request,
): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  asked.push({
    topic,
    request,
    answer: (value) => {
      resolve(value);
      return turn();
    },
    fail: (error) => {
      reject(error);
      return turn();
    },
  });
  return promise;
}

/** The oldest call that was not taken yet. */
export function next<Request, Answer>(asked: Asked<Request, Answer>[]): Asked<Request, Answer> {
  const call = asked.shift();
  assert(call !== undefined, 'nothing was asked');
  return call;
}

export const at = (epoch: string, seq: number): Position => ({ epoch, seq, confirmed: 100 });

export function entry(epoch: string, seq: number, size = 1): Entry {
  const data = { encoding: 'json', bytes: new Uint8Array(size) } as const;
  return { epoch, seq, at: 100_000, data };
}

export const entries = (epoch: string, ...seqs: number[]): Entry[] =>
  seqs.map((seq) => entry(epoch, seq));

/** A page from entries and gaps that ends at the head unless told otherwise. */
export function page(
  cursor: Position,
  steps: readonly (Entry | PageStep)[] = [],
  more: Partial<Resumed> = {},
): Resumed {
  const all = steps.map(
    (step): PageStep => ('kind' in step ? step : { kind: 'entry', entry: step }),
  );
  return { lineage: 'L1', unsettledMs: 0, head: cursor, cursor, steps: all, ...more };
}

/** A stream over a scripted log, on a clock that only moves when told to. */
export class Stage {
  readonly log = new ScriptedLog();
  readonly clock = new ManualClock();
  readonly listener = new CheckingListener();
  readonly stream: TopicStream;
  /** Publishes that were counted as too late. */
  tooLate = 0;

  constructor(overrides: Partial<StreamSettings> = {}, replicas = 1) {
    const settings = { ...gatewaySettings.parse({}).stream, ...overrides };
    const { log, clock, listener } = this;
    const random = seeded(1);
    const tooLate = () => {
      this.tooLate += 1;
    };
    const counts = { ...silentStreamCounts, tooLate };
    this.stream = new TopicStream({ log, listener, settings, replicas, clock, random, counts });
  }

  async start(): Promise<this> {
    await this.stream.start(1_000);
    await turn();
    return this;
  }

  /** Follows `t` at (e, 10), live. */
  async live(): Promise<this> {
    await this.start();
    this.follow();
    await turn();
    await next(this.log.resumes).answer(page(at('e', 10)));
    return this;
  }

  follow(topic = 't'): void {
    this.listener.expect(topic);
    this.stream.follow(topic);
  }

  unfollow(topic = 't'): void {
    this.stream.unfollow(topic);
    this.listener.dismiss(topic);
  }

  ring(epoch: string, ...seqs: number[]): Promise<void> {
    this.log.bell.entries('t', entries(epoch, ...seqs), 100);
    return turn();
  }

  /** Numbers told of `t`, with the other events between them by name. */
  get told(): string {
    return this.listener.events
      .filter((event) => 'topic' in event && event.topic === 't')
      .map((event) => (event.type === 'entries' ? event.entries.map(({ seq }) => seq) : event.type))
      .join();
  }
}
