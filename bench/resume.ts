import { startRedis } from '../e2e/processes/redis-server.ts';
import type { Figure, Measurement } from './figure.ts';
import { Stage } from './stage.ts';

const CLIENTS = 5_000;
const MISSED = 250;
/** As many entries as a page of the log has by default. */
const PAGE = 100;

/** What thousands of clients that come back at once cost Redis. */
export const resume: Measurement = {
  name: 'resume',
  text: '5,000 clients resume at once on one topic: reads of the log per range that they missed',
  seconds: 30,
  async run(progress) {
    const redis = await startRedis();
    const stage = await Stage.open(redis.url);
    try {
      return await measured(stage, progress);
    } finally {
      stage.close();
      await redis.stop();
    }
  },
};

async function measured(stage: Stage, progress: (line: string) => void): Promise<Figure[]> {
  const messages = Array.from({ length: 50 }, (_, n) => ({ topic: 'room', data: { n } }));
  await stage.publish(messages.slice(0, 1), 0);
  const from = await head(stage);
  for (let sent = 0; sent < MISSED; sent += messages.length) await stage.publish(messages, 0);
  await stage.connect(CLIENTS, 'room', from);
  const reads = () => stage.metric('wscluster_log_pages_total');
  const before = await reads();
  stage.go();
  await stage.received(CLIENTS * MISSED);
  const pages = (await reads()) - before;
  const ranges = Math.ceil(MISSED / PAGE);
  progress(`${CLIENTS} clients, ${MISSED} messages each: ${pages} reads for ${ranges} ranges`);
  return [
    {
      what: 'reads of the log per range, 5,000 clients that resume at once',
      value: pages / ranges,
      ...{ unit: '×', atMost: 1, detail: `${pages} reads of ${PAGE} entries, ${ranges} ranges` },
    },
  ];
}

async function head(stage: Stage): Promise<string> {
  const response = await fetch(`http://127.0.0.1:${stage.port}/v1/topics/room/history?latest=1`);
  const page = (await response.json()) as { readonly head: string };
  return page.head;
}
