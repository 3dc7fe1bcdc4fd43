import { WebSocket } from 'ws';
import { pickOne } from '../../protocol/testing/chance.ts';
import { pause, until } from '../deadline.ts';
import { isBack } from '../history/hygiene.ts';
import type { GatewayProcess, Memory } from '../processes/gateway-process.ts';
import { TcpProxy } from '../processes/tcp-proxy.ts';
import { type Evidence, noGaps, nothingStays } from './judges.ts';
import type { Row } from './row.ts';
import { baseSettings, HEARTBEAT_MS } from './settings.ts';
import { smallShape } from './shapes.ts';
import type { Stage } from './stage.ts';

/** Faults of clients and of the way to them. */

const MUTE = 10;
const SEAM_MS = 2_500;
/** Clients of a crowd, and crowds: some warm the process up, then nothing more may stay. */
const CROWD = 100;
const CROWDS = { first: 5, more: 20 };
const CROWD_MS = 10_000;
const CUT = 'wscluster_slow_connections_total{event="closed"}';
const RESUMES = 'wscluster_resumes_total';
/** Longer than the first to be slow waits for the last, on a busy machine too. */
const SLOW_TIMEOUT_MS = 4_000;
const STOPPED = 3;
/** Ten unanswered pings take longer than filling the buffers. */
const SELDOM_MS = 2_000;
/** By then the kernels' buffers are full, some 10 MB a connection. */
const SLOW_MS = 20_000;

export const clientRows: readonly Row[] = [
  {
    row: '41',
    title: 'clients are half-open',
    store: 'memory',
    bites: { ended: MUTE },
    inject: halfOpen,
    judge: noGaps,
  },
  {
    row: '42',
    title: 'some clients stop reading, one for too long',
    store: 'memory',
    // Unanswered pings must not end it before it is found to be slow, on a busy machine either.
    settings: {
      edge: {
        outboxBytes: 524_288,
        slowTimeoutMs: SLOW_TIMEOUT_MS,
        heartbeatMs: SELDOM_MS,
        missedPings: 10,
      },
    },
    shape: { topics: 2, topicsEach: 2, subscribers: 9, publishers: 8, bytes: 24_000, everyMs: 60 },
    bites: { held: STOPPED, cut: 1 },
    inject: stopReading,
    judge: noGaps,
  },
  {
    row: '51',
    title: 'crowds of clients come at once and leave at once',
    largeOnly: true,
    store: 'memory',
    shape: smallShape,
    // All of them are one identity.
    settings: { stream: { sessionsPerIdentity: 10_000 } },
    bites: { came: CROWD * CROWDS.more },
    inject: crowds,
    judge: (run) => [...noGaps(run), ...nothingStays(run)],
  },
  {
    row: '65',
    title: 'topics are taken and given up in the middle of publishing',
    store: 'memory',
    settings: { hub: { lingerMs: 20 } },
    bites: { taken: 100, resumed: 20 },
    inject: seams,
    judge: noGaps,
  },
];

/** Connections whose peer is gone without a word are ended by the gateway, not kept. */
async function halfOpen(stage: Stage): Promise<Evidence> {
  const { edge } = baseSettings;
  const gateway = stage.gateway(0);
  const proxy = await TcpProxy.open(gateway.port);
  const sockets = Array.from(
    { length: MUTE },
    () => new WebSocket(`ws://127.0.0.1:${proxy.port}/ws?topics=${stage.load.topics[0]}`),
  );
  try {
    for (const socket of sockets) socket.on('error', () => {});
    await until(() => sockets.every(({ readyState }) => readyState === WebSocket.OPEN), {
      for: 'clients to connect',
      deadlineMs: 5_000,
    });
    proxy.swallow();
    const begin = performance.now();
    await until(() => proxy.counts.targetEnded >= MUTE, {
      for: `${MUTE} half-open connections to be ended, ${proxy.counts.targetEnded} were`,
      deadlineMs: (edge.missedPings + 2) * HEARTBEAT_MS + 2_000,
    });
    const endedMs = Math.round(performance.now() - begin);
    return { ended: proxy.counts.targetEnded, endedMs };
  } finally {
    for (const socket of sockets) socket.terminate();
    await proxy.close();
  }
}

/** All are held at the limit; who reads again keeps the connection, who does not is cut. */
async function stopReading(stage: Stage): Promise<Evidence> {
  const { counts, speakers } = stage.load;
  const [dead, ...slow] = speakers.slice(0, STOPPED);
  if (dead === undefined) throw new Error('nobody to stop');
  const { reconnects } = counts;
  for (const subscriber of [dead, ...slow]) subscriber.pause();
  const held = await until(
    async () => {
      const now = await total(stage, 'wscluster_slow_subscribers');
      return now >= STOPPED && now;
    },
    { for: `${STOPPED} clients to be slow`, deadlineMs: SLOW_MS },
  );
  for (const subscriber of slow) subscriber.resume();
  await until(async () => (await total(stage, CUT)) >= 1, {
    for: 'the one that never reads to be cut',
    deadlineMs: SLOW_TIMEOUT_MS + SLOW_MS,
  });
  dead.resume();
  await stage.recovered();
  const cut = await total(stage, CUT);
  const others = counts.reconnects - reconnects - 1;
  if (cut > 1 || others > 0) throw new Error(`${cut} were cut, ${others} others reconnected`);
  return { held, cut };
}

/** Over all gateways. */
async function total({ gateways }: Stage, series: string): Promise<number> {
  const counts = await Promise.all(gateways.map((gateway) => gateway.metric(series)));
  return counts.reduce<number>((sum, count = 0) => sum + count, 0);
}

/** What a gateway holds once the crowds are gone, of what it held before they came, in percent. */
async function crowds(stage: Stage): Promise<Evidence> {
  const gateway = stage.gateway(0);
  const { files } = await gateway.usage();
  let came = 0;
  const come = async (times: number) => {
    const until = came + times * CROWD;
    for (; came < until; came += CROWD) await crowd(stage, gateway, came);
    await letGo(gateway, files);
  };
  await come(CROWDS.first);
  const warm = await stage.memory(gateway, 'warm');
  const first = came;
  await come(CROWDS.more);
  const worn = await stage.memory(gateway, 'worn');
  const share = (of: keyof Memory) => Math.round((worn[of] / warm[of]) * 100);
  return { came: came - first, held: share('heldBytes'), rss: share('rssBytes') };
}

/** Each has a session of its own; half of them say that they leave. */
async function crowd({ load }: Stage, { url }: GatewayProcess, from: number): Promise<void> {
  const sockets = Array.from({ length: CROWD }, (_, index) => {
    const topic = load.topics[index % load.topics.length];
    return new WebSocket(`${url}?topics=${topic}&session=guest${from + index}`);
  });
  for (const socket of sockets) socket.on('error', () => {});
  const are = (state: number) => sockets.every(({ readyState }) => readyState === state);
  await until(() => are(WebSocket.OPEN), { for: 'a crowd to come', deadlineMs: CROWD_MS });
  for (const [index, socket] of sockets.entries()) {
    if (index % 2 === 0) socket.close();
    else socket.terminate();
  }
  await until(() => are(WebSocket.CLOSED), { for: 'a crowd to leave', deadlineMs: CROWD_MS });
}

/** It has as few files as before. */
async function letGo(gateway: GatewayProcess, files: number): Promise<void> {
  await until(async () => isBack((await gateway.usage()).files, files), {
    for: `${gateway.name} to let a crowd go`,
    deadlineMs: CROWD_MS,
    everyMs: 100,
  });
}

async function seams(stage: Stage): Promise<Evidence> {
  const { speakers, counts } = stage.load;
  const before = { granted: counts.granted, resumes: await total(stage, RESUMES) };
  const end = performance.now() + SEAM_MS;
  let seamed = 0;
  const random = () => ((seamed * 2_654_435_761) % 4_294_967_296) / 4_294_967_296;
  while (performance.now() < end) {
    const subscriber = pickOne(speakers, random);
    const topic = pickOne(subscriber.topics, random);
    seamed += 1;
    if (seamed % 2 === 0) subscriber.resubscribe(topic);
    else subscriber.startOver(topic);
    if (seamed % 4 === 0) await pause(4);
  }
  // Only those resumes count that had something to bring: the seam lies behind it.
  const resumed = (await total(stage, RESUMES)) - before.resumes;
  return { taken: counts.granted - before.granted, resumed };
}
