import { pause, until } from '../deadline.ts';
import { atMost } from './demands.ts';
import { type Evidence, noGaps, resumedWithin } from './judges.ts';
import type { Row } from './row.ts';
import { HEARTBEAT_MS } from './settings.ts';
import type { Stage } from './stage.ts';

/** Faults of a gateway process. */

/**
 * Clients of these tests wait up to 300 ms between two tries, a hundredth of an application's: so
 * this is the 5 s of a gateway's end, with what a busy machine may add.
 */
const RESUMED_MS = 2_000;
/** Each way between the leaving gateway and Redis. */
const SLOW_MS = 60;
/** Rarely: what was read last is proved by leaving alone. */
const MARKER_MS = 500;

/** For what is sent again within 8 s, as publishers over HTTP do here: more than six fifths. */
const WINDOW_S = 10;
const SENT_AGAIN_MS = 9_000;
/** An id is forgotten after two windows at the latest. */
const FORGOTTEN_MS = 2_000 * WINDOW_S;
const UNDER_WAY = 10;

export const podRows: readonly Row[] = [
  {
    row: '1',
    title: 'a gateway is killed',
    store: 'memory',
    bites: { reconnects: 3 },
    inject: async (stage) => {
      const before = stage.load.counts.reconnects;
      const [victim, ...others] = stage.gateways;
      await victim?.kill();
      stage.route(others);
      await stage.recovered();
      return { reconnects: stage.load.counts.reconnects - before };
    },
    judge: (run) => [...noGaps(run), ...resumedWithin(run, RESUMED_MS)],
  },
  {
    row: '2',
    title: 'a gateway is asked to leave (SIGTERM)',
    store: 'memory',
    settings: { edge: { markerMs: MARKER_MS } },
    proxied: true,
    bites: { moved: 3 },
    inject: drain,
    judge: (run) => [
      ...noGaps(run),
      ...resumedWithin(run, RESUMED_MS),
      atMost('connections that broke without a close', run.counts.closes.get(1006) ?? 0, 0),
      // All that a client had read was proved and saved before it was let go.
      atMost('repeats', run.figures.wireDuplicates, 0),
      atMost('publishes not answered', run.counts.askedAgain, 0),
    ],
  },
  {
    row: '13',
    title: 'a gateway is frozen and wakes up again',
    store: 'memory',
    bites: { reconnects: 3 },
    inject: async (stage) => {
      const before = stage.load.counts.reconnects;
      const zombie = stage.gateway(0);
      // Shorter than the clients' patience: they are still there when it wakes up.
      zombie.freeze();
      await pause(HEARTBEAT_MS);
      zombie.thaw();
      await stage.recovered();
      const stayed = stage.load.counts.reconnects - before;
      zombie.freeze();
      stage.route(stage.gateways.slice(1));
      await pause(HEARTBEAT_MS * 6);
      zombie.thaw();
      await until(() => zombie.ready(), { for: 'the zombie to be ready', deadlineMs: 10_000 });
      stage.route(stage.gateways);
      return { reconnects: stage.load.counts.reconnects - before - stayed };
    },
    judge: noGaps,
  },
  {
    row: '13f',
    title: 'a gateway wakes up with publishes that others wrote, and the log has forgotten',
    store: 'memory',
    // In `npm test`, simulated worlds have it.
    largeOnly: true,
    settings: { stream: { idempotencyWindowS: WINDOW_S } },
    bites: { reconnects: 3, late: 3 },
    inject: forget,
    judge: noGaps,
  },
];

/** What was sent to the frozen gateway is sent to others, written, forgotten; then it is read. */
async function forget(stage: Stage): Promise<Evidence> {
  const before = stage.load.counts.reconnects;
  const zombie = stage.gateway(0);
  zombie.freeze();
  await until(() => stage.load.waitingFor(zombie.name) >= UNDER_WAY, {
    for: `${UNDER_WAY} publishes to wait for the frozen gateway`,
    deadlineMs: 10_000,
  });
  stage.route(stage.gateways.slice(1));
  await pause(SENT_AGAIN_MS + FORGOTTEN_MS);
  zombie.thaw();
  await until(() => zombie.ready(), { for: 'the zombie to be ready', deadlineMs: 10_000 });
  stage.route(stage.gateways);
  await stage.recovered();
  return {
    reconnects: stage.load.counts.reconnects - before,
    late: (await zombie.metric('wscluster_publishes_too_late_total')) ?? Number.NaN,
  };
}

async function drain(stage: Stage): Promise<Record<string, number>> {
  const leaver = stage.gateway(0);
  const end = leaver.terminate(10_000);
  await until(async () => !(await leaver.ready()), {
    for: 'the gateway to say that it is not ready',
    deadlineMs: 2_000,
  });
  // Endpoints lag: for a moment new connections and publishes still come here and are served.
  stage.route([leaver]);
  const late = stage.load.speakers.slice(0, 3);
  const acknowledged = stage.load.counts.acknowledged;
  for (const subscriber of late) subscriber.drop();
  await until(() => late.every(({ attached }) => attached), {
    for: 'late clients to be served by the gateway that leaves',
    deadlineMs: 1_000,
  });
  await until(() => stage.load.counts.acknowledged > acknowledged, {
    for: 'a publish to be served by the gateway that leaves',
    deadlineMs: 1_000,
  });
  stage.load.counts.closes.clear();
  // Its publishes take a while from here on, so that some are under way when it lets clients go.
  stage.proxy(0).delay(SLOW_MS);
  stage.route(stage.gateways.slice(1));
  const exit = await end;
  if (exit?.code !== 0) throw new Error(`ended with ${JSON.stringify(exit)}\n${leaver.output}`);
  await stage.recovered();
  const moved = stage.load.counts.closes.get(4000) ?? 0;
  return { moved };
}
