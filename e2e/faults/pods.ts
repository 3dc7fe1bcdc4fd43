import { pause, until } from '../deadline.ts';
import type { Verdict } from '../history/verdict.ts';
import { noGaps } from './judges.ts';
import type { Row } from './row.ts';
import { HEARTBEAT_MS } from './settings.ts';
import type { Stage } from './stage.ts';

/** Faults of a gateway process. */

const RESUMED_MS = 5_000;

export const podRows: readonly Row[] = [
  {
    row: '1',
    title: 'a gateway is killed',
    store: 'memory',
    inject: async (stage) => {
      const before = stage.load.counts.reconnects;
      const [victim, ...others] = stage.gateways;
      await victim?.kill();
      stage.route(others);
      await stage.recovered();
      return { reconnects: stage.load.counts.reconnects - before };
    },
    judge: (stage, verdict) => [...noGaps(stage, verdict), ...caughtUpWithin(verdict, RESUMED_MS)],
  },
  {
    row: '2',
    title: 'a gateway is asked to leave (SIGTERM)',
    store: 'memory',
    inject: drain,
    judge: (stage, verdict) => {
      const abnormal = stage.load.counts.closes.get(1006) ?? 0;
      return [
        ...noGaps(stage, verdict),
        ...(abnormal === 0 ? [] : [`${abnormal} connections broke without a close`]),
      ];
    },
  },
  {
    row: '13',
    title: 'a gateway is frozen and wakes up again',
    store: 'memory',
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
];

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
  stage.route(stage.gateways.slice(1));
  const exit = await end;
  if (exit?.code !== 0) throw new Error(`ended with ${JSON.stringify(exit)}\n${leaver.output}`);
  await stage.recovered();
  const moved = stage.load.counts.closes.get(4000) ?? 0;
  return { moved };
}

function caughtUpWithin({ figures }: Verdict, ms: number): string[] {
  if (figures.catchUpMs <= ms) return [];
  return [`level only ${figures.catchUpMs} ms after the fault, not within ${ms}`];
}
