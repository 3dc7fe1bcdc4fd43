import { WebSocket } from 'ws';
import { pickOne } from '../../protocol/testing/chance.ts';
import { pause, until } from '../deadline.ts';
import { TcpProxy } from '../processes/tcp-proxy.ts';
import { noGaps } from './judges.ts';
import type { Evidence, Row } from './row.ts';
import { baseSettings, HEARTBEAT_MS } from './settings.ts';
import type { Stage } from './stage.ts';

/** Faults of clients and of the way to them. */

const MUTE = 10;
const SEAM_MS = 2_500;
const SLOW_TIMEOUT_MS = 1_500;

export const clientRows: readonly Row[] = [
  {
    row: '41',
    title: 'clients are half-open',
    store: 'memory',
    inject: halfOpen,
    judge: noGaps,
  },
  {
    row: '42',
    title: 'some clients stop reading, one for too long',
    store: 'memory',
    settings: { edge: { outboxBytes: 65_536, slowTimeoutMs: SLOW_TIMEOUT_MS } },
    shape: { topics: 2, topicsEach: 2, subscribers: 9, publishers: 8, bytes: 24_000, everyMs: 60 },
    expect: { silenceMs: 30_000 },
    inject: stopReading,
    judge: noGaps,
  },
  {
    row: '65',
    title: 'topics are taken and given up in the middle of publishing',
    store: 'memory',
    settings: { hub: { lingerMs: 20 } },
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

async function stopReading(stage: Stage): Promise<Evidence> {
  const { counts, speakers } = stage.load;
  const [dead, ...slow] = speakers.slice(0, 4);
  if (dead === undefined) throw new Error('nobody to stop');
  const before = counts.closes.get(4003) ?? 0;
  const reconnects = counts.reconnects;
  for (const subscriber of [dead, ...slow]) subscriber.pause();
  await pause(SLOW_TIMEOUT_MS / 2);
  for (const subscriber of slow) subscriber.resume();
  // It reads again only after the gateway must have given it up.
  await pause(SLOW_TIMEOUT_MS * 2);
  dead.resume();
  await stage.recovered();
  const cut = (counts.closes.get(4003) ?? 0) - before + counts.reconnects - reconnects;
  return { cut };
}

async function seams(stage: Stage): Promise<Evidence> {
  const { speakers } = stage.load;
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
  return { seams: seamed };
}
