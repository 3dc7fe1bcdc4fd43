import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createServer } from '../../../process/http.ts';
import { type Clock, systemClock } from '../../../protocol/clock.ts';
import { silentCounts } from '../../hub/counts.ts';
import { TopicHub } from '../../hub/topic-hub.ts';
import { silentLogger } from '../../logger.ts';
import { edgeSettings, hubSettings } from '../../settings/declaration.ts';
import type { Stream, StreamEvent } from '../../stream/stream.ts';
import { httpLimits } from '../admission.ts';
import type { EdgeParts } from '../context.ts';
import { type EdgeCounts, silentEdgeCounts } from '../counts.ts';
import { Edge } from '../edge.ts';
import type { Authenticator, Identity } from '../identity.ts';
import { FakeStream } from './fake-stream.ts';

/** A gateway's edge on a real HTTP server and the real hub, for tests. */
export interface EdgeFixture<S extends Stream> {
  readonly edge: Edge;
  readonly hub: TopicHub;
  readonly stream: S;
  readonly server: Server;
  readonly port: number;
  /** Every count, as `name:label:label`, and how often. */
  readonly counted: Map<string, number>;
  stop(): Promise<void>;
}

export interface FixtureOptions<S extends Stream> {
  readonly settings?: Parameters<typeof edgeSettings.parse>[0];
  readonly hub?: Parameters<typeof hubSettings.parse>[0];
  readonly parts?: Partial<EdgeParts>;
  /** The stream, and how its events are heard. Default: `FakeStream`. */
  readonly stream?: (listener: (event: StreamEvent) => void) => S;
}

export async function startEdge(): Promise<EdgeFixture<FakeStream>>;
export async function startEdge<S extends Stream = FakeStream>(
  options: FixtureOptions<S>,
): Promise<EdgeFixture<S>>;
export async function startEdge<S extends Stream>(
  options: FixtureOptions<S> = {},
): Promise<EdgeFixture<Stream>> {
  const listeners: ((event: StreamEvent) => void)[] = [];
  const tell = (event: StreamEvent) => {
    for (const listener of listeners) listener(event);
  };
  const stream = options.stream?.(tell) ?? fakeStream(tell);
  const clock = options.parts?.clock ?? systemClock;
  const hub = newHub(stream, clock, options.hub);
  const settings = edgeSettings.parse(options.settings ?? {});
  const counted = new Map<string, number>();
  const edge = new Edge({
    hub,
    stream,
    settings,
    retentionS: 3_600,
    resendWindowMs: 100_000,
    allowedOrigins: [],
    authenticator: openAuthenticator,
    clock,
    random: Math.random,
    counts: recordingCounts(counted),
    logger: silentLogger,
    pod: 'test',
    ...options.parts,
  });
  listeners.push((event) => hub.onStream(event));
  listeners.push((event) => edge.onStream(event));
  const server = createServer(httpLimits(settings));
  edge.attach(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const stop = async () => {
    await edge.stop();
    hub.stop();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  return { edge, hub, stream, server, port, counted, stop };
}

function fakeStream(tell: (event: StreamEvent) => void): FakeStream {
  const stream = new FakeStream();
  stream.listen(tell);
  return stream;
}

function newHub(stream: Stream, clock: Clock, settings: unknown = {}): TopicHub {
  return new TopicHub({
    stream,
    settings: hubSettings.parse(settings),
    page: { entries: 100, bytes: 256 * 1024 },
    clock,
    random: Math.random,
    counts: silentCounts,
  });
}

function recordingCounts(counted: Map<string, number>): EdgeCounts {
  const record =
    (name: string) =>
    (...labels: readonly unknown[]) => {
      const key = [name, ...labels.filter((label) => typeof label !== 'object')].join(':');
      counted.set(key, (counted.get(key) ?? 0) + 1);
    };
  const counts: Record<string, (...labels: readonly unknown[]) => void> = {};
  for (const name of Object.keys(silentEdgeCounts)) counts[name] = record(name);
  return { ...silentEdgeCounts, ...counts };
}

export const everything: Identity = {
  name: '',
  maySubscribe: () => true,
  mayPublish: () => true,
  mayManageUsers: false,
  expiresAt: undefined,
};

/** No key is configured: everybody on loopback may do everything, every token is somebody. */
export const openAuthenticator: Authenticator = {
  configured: false,
  token: async (jwt) => ({ ok: true, identity: { ...everything, name: jwt } }),
  apiKey: () => ({ ok: false, code: 'unauthenticated', detail: 'none is configured' }),
  anonymous: () => ({ ok: true, identity: everything }),
};
