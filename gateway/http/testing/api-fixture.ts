import assert from 'node:assert/strict';
import type { FastifyInstance } from 'fastify';
import type { z } from 'zod';
import { systemClock } from '../../../protocol/clock.ts';
import { openAuthSecrets } from '../../edge/auth/auth-secrets.ts';
import { ConfiguredAuthenticator } from '../../edge/auth/authenticator.ts';
import { silentAuthCounts } from '../../edge/auth/counts.ts';
import { MemoryBoard } from '../../ring/memory-board.ts';
import type { RingSource } from '../../ring/ring-source.ts';
import { RingPod } from '../../ring/testing/fleet.ts';
import type { SettingsInput } from '../../settings/declaration.ts';
import { resendWindowMs } from '../../settings/idempotency.ts';
import { settingsFrom } from '../../settings/load.ts';
import { MemoryLog } from '../../stream/memory/memory-log.ts';
import { MemoryStore } from '../../stream/memory/memory-store.ts';
import type { Stream } from '../../stream/stream.ts';
import { TopicStream } from '../../stream/topic-stream.ts';
import { type ApiParts, createApi } from '../api.ts';
import { failure } from '../shapes.ts';

export interface Served {
  readonly app: FastifyInstance;
  readonly url: string;
  readonly stop: () => Promise<void>;
}

/** Who was refused because of a rate. */
export const limited: string[] = [];
/** Everything that was logged, at every level. */
export const logged: string[] = [];
const note = (fields: object, message: string) => {
  logged.push(`${message} ${JSON.stringify(fields)}`);
};
const logger = { debug: note, info: note, warn: note, error: note };

export const ringPod = (name: string, board = new MemoryBoard(systemClock)) =>
  new RingPod({ name, board, clock: systemClock, intervalMs: 20 });

interface Beside {
  readonly source: RingSource;
  readonly backlog: ApiParts['backlog'];
}

/** A gateway's HTTP API on a port of its own, over a stream in memory. */
export async function serve(
  input: SettingsInput = {},
  over: Partial<Stream> = {},
  { source = ringPod('pod').source, backlog = readAtOnce }: Partial<Beside> = {},
): Promise<Served> {
  const settings = settingsFrom({ pod: 'pod', ...input });
  const shared = { clock: systemClock, random: Math.random, settings: settings.stream };
  const log = new MemoryLog(new MemoryStore(shared), 'pod');
  const stream = new TopicStream({ ...shared, log, replicas: 0, listener: { onStream() {} } });
  await stream.start(5_000);
  const parts = { clock: systemClock, counts: silentAuthCounts, logger };
  const secrets = await openAuthSecrets(settings.auth, parts);
  const authenticator = new ConfiguredAuthenticator({
    ...{ ...parts, settings: settings.auth, secrets, fetch: globalThis.fetch },
  });
  const probe: Pick<Stream, 'publish' | 'read' | 'latest' | 'now'> = {
    now: () => stream.now(),
    publish: (draft) => stream.publish(draft),
    read: (topic, cursor, limit) => stream.read(topic, cursor, limit),
    latest: (topic, count) => stream.latest(topic, count),
  };
  const app = createApi({
    stream: { ...probe, sessions: stream.sessions, health: stream.health, ...unused, ...over },
    authenticator,
    ring: source,
    allPods: { ask: () => assert.fail('not called') },
    placement: settings.placement,
    settings: settings.http,
    edge: settings.edge,
    pageBytes: settings.stream.pageBytes,
    resendWindowMs: resendWindowMs(settings.stream),
    backlog,
    allowedOrigins: settings.auth.allowedOrigins,
    counts: { answered() {}, limited: (by) => limited.push(by) },
    logger,
    clock: systemClock,
    pod: settings.pod,
  });
  const url = await app.listen({ host: '127.0.0.1', port: 0 });
  const stop = async () => {
    await app.close();
    await source.stop();
    authenticator.close();
    await stream.stop(1_000);
  };
  return { app, url, stop };
}

const readAtOnce = {
  get since() {
    return Date.now();
  },
};

/** What the API never calls. */
const unused = {
  start: () => assert.fail('not called'),
  stop: () => assert.fail('not called'),
  probe: () => assert.fail('not called'),
  follow: () => assert.fail('not called'),
  unfollow: () => assert.fail('not called'),
};

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

export async function ask(url: string, init: RequestInit = {}): Promise<Answer> {
  const response = await fetch(url, { ...init, signal: AbortSignal.timeout(5_000) });
  return { status: response.status, headers: response.headers, text: await response.text() };
}

export const post = (body: unknown, headers: Record<string, string> = {}): RequestInit => ({
  method: 'POST',
  headers: { 'content-type': 'application/json', ...headers },
  body: typeof body === 'string' ? body : JSON.stringify(body),
});

/** The body, which must be of the documented form. */
export function read<T extends z.ZodType>(shape: T, answer: Answer): z.infer<T> {
  const outcome = shape.safeParse(JSON.parse(answer.text));
  assert.ok(outcome.success, `${answer.text}: ${outcome.error?.message}`);
  return outcome.data;
}

export function assertFails(answer: Answer, status: number, code: string): string {
  const body = read(failure, answer);
  assert.deepEqual([answer.status, body.code], [status, code], answer.text);
  assert.equal(answer.headers.get('x-request-id'), body.request);
  return body.message;
}
