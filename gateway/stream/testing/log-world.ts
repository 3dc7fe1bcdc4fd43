import assert from 'node:assert/strict';
import { after, afterEach, beforeEach } from 'node:test';
import { succeeds, until } from '../../../e2e/deadline.ts';
import type { Position } from '../../../protocol/position.ts';
import { gatewaySettings, type StreamSettings } from '../../settings/declaration.ts';
import type { Bell, Log, LogDraft, Resumed, ResumeRequest } from '../log.ts';
import type { Entry, Outcome, PageStep, SessionKey } from '../stream.ts';

/** A store that a suite may break. Each `world` is empty and has a lineage of its own. */
export interface LogStore {
  world(settings: StreamSettings): Promise<LogWorld>;
  close(): Promise<void>;
}

export interface LogWorld {
  /** A gateway's connection, not yet started. */
  log(pod: string): Log;
  /** A new lineage that lost nothing. */
  restart(): Promise<void>;
  /**
   * A replica that has what there is now and nothing of what follows, restarts included; resolves
   * with what makes it the master.
   */
  lag(): Promise<() => Promise<void>>;
  /** A new lineage that holds what there was at the last `lag`. */
  failover(): Promise<void>;
  /** Everything is deleted; the lineage stays. */
  flush(): Promise<void>;
  removeLog(topic: string): Promise<void>;
  close(): Promise<void>;
}

/** A bell that remembers. */
export class HeardBell implements Bell {
  readonly heard: { topic: string; entry: Entry }[] = [];
  readonly ranges: { topic: string; epoch: string; from: number; to: number }[] = [];
  readonly tokens: string[] = [];
  readonly superseding: { key: SessionKey; generation: number }[] = [];
  readonly line: string[] = [];

  entries(topic: string, entries: readonly Entry[]): void {
    for (const entry of entries) this.heard.push({ topic, entry });
  }
  announced(topic: string, range: { epoch: string; from: number; to: number }): void {
    const { epoch, from, to } = range;
    this.ranges.push({ topic, epoch, from, to });
  }
  probed(token: string): void {
    this.tokens.push(token);
  }
  superseded(key: SessionKey, generation: number): void {
    this.superseding.push({ key, generation });
  }
  up(): void {
    this.line.push('up');
  }
  down(): void {
    this.line.push('down');
  }
}

export const LIMIT = { maxEntries: 1_000, maxBytes: 1_000_000 };
export const WAIT_MS = 10_000;

export function streamSettings(overrides: Partial<StreamSettings> = {}): StreamSettings {
  return { ...gatewaySettings.parse({}).stream, settleMs: 20_000, ...overrides };
}

export function draft(text: string, producer?: { id: string; seq: number }): LogDraft {
  const data = { encoding: 'json', bytes: Buffer.from(JSON.stringify(text)) } as const;
  return { identity: 'me', data, ...(producer && { producer }) };
}

export function texts(steps: readonly PageStep[]): string[] {
  return steps.map((step) => {
    if (step.kind === 'entry') return JSON.parse(Buffer.from(step.entry.data.bytes).toString());
    const { reason, from, to } = step.gap;
    return from === undefined ? `<${reason}>` : `<${reason} ${from}-${to}>`;
  });
}

export function positionOf(outcome: Outcome | undefined): Position {
  assert.equal(outcome?.outcome, 'ok', JSON.stringify(outcome));
  return (outcome as Extract<Outcome, { outcome: 'ok' }>).position;
}

export class Gateway {
  readonly log: Log;
  readonly bell = new HeardBell();

  constructor(log: Log) {
    this.log = log;
  }

  static async start(world: LogWorld, pod: string): Promise<Gateway> {
    const gateway = new Gateway(world.log(pod));
    await gateway.log.start(gateway.bell, WAIT_MS);
    await gateway.probe();
    return gateway;
  }

  async publish(topic: string, ...contents: string[]): Promise<Position> {
    const outcomes = await this.log.append(
      topic,
      contents.map((text) => draft(text)),
      0,
    );
    return positionOf(outcomes.at(-1));
  }

  resume(topic: string, from?: ResumeRequest['from'], limit = LIMIT): Promise<Resumed> {
    return this.log.resume(topic, { from, ...limit });
  }

  /** What a subscriber at `from` sees. */
  async sees(topic: string, from: Position): Promise<string[]> {
    return texts((await this.resume(topic, from)).steps);
  }

  /** A probe that came back. */
  async probe(deadlineMs = WAIT_MS): Promise<void> {
    const token = `t${this.bell.tokens.length}-${Math.random().toString(36).slice(2)}`;
    await this.log.probe(token);
    await until(() => this.bell.tokens.includes(token), { for: 'a probe', deadlineMs });
  }

  /** After a restart or failover: works again. */
  async back(): Promise<void> {
    await until(() => succeeds(this.probe(200)), {
      for: 'the store to be back',
      deadlineMs: WAIT_MS,
      everyMs: 20,
    });
    await until(() => succeeds(this.log.append('$works', [draft('x')], 0)), {
      for: 'the store to take publishes',
      deadlineMs: WAIT_MS,
      everyMs: 20,
    });
  }
}

/** What each test of a suite begins with. */
export interface TwoGateways {
  readonly world: LogWorld;
  readonly a: Gateway;
  readonly b: Gateway;
}

/**
 * Gives each test of the suite a new world with two gateways, by `use`, and takes them down again.
 * Returns what begins anew within a test, with other settings.
 */
export function eachWithTwoGateways(
  open: () => Promise<LogStore>,
  use: (opened: TwoGateways) => void,
): (overrides: Partial<StreamSettings>) => Promise<void> {
  let store: LogStore | undefined;
  let opened: TwoGateways | undefined;

  async function begin(overrides: Partial<StreamSettings> = {}): Promise<void> {
    store ??= await open();
    const world = await store.world(streamSettings(overrides));
    const a = await Gateway.start(world, 'pod-a');
    const b = await Gateway.start(world, 'pod-b');
    opened = { world, a, b };
    use(opened);
  }

  async function end(): Promise<void> {
    await opened?.a.log.stop();
    await opened?.b.log.stop();
    await opened?.world.close();
    opened = undefined;
  }

  beforeEach(() => begin());
  afterEach(() => end());
  after(() => store?.close());
  return async (overrides) => {
    await end();
    await begin(overrides);
  };
}
