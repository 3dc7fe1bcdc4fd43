import { pause, until } from '../deadline.ts';
import type { ClientSubscriber } from '../load/client-subscriber.ts';
import { atMost, atMostMs } from './demands.ts';
import { type Evidence, noGaps } from './judges.ts';
import { byName, movers, PLACED_MS, patientMovers, placed, returned } from './movers.ts';
import type { Row } from './row.ts';
import type { Stage } from './stage.ts';

/** Faults of many clients at once. */

const CROWDS = 3;
const CROWD = 150;
/** So long a crowd stays where it belongs. */
const STAY_MS = 500;
/** Of a reconnect storm. */
const BACK_MS = 60_000;

export const crowdRows: readonly Row[] = [
  {
    ...patientMovers,
    row: '51r',
    title: 'crowds come at once and leave at once, then everybody comes back at once',
    // All of them are one identity.
    settings: { placement: { key: 'query:key' }, stream: { sessionsPerIdentity: 10_000 } },
    bites: { came: CROWDS * CROWD, moved: (CROWDS * CROWD) / 3, back: movers.shape.movers },
    inject: crowds,
    judge: (run) => [
      ...noGaps(run),
      atMostMs('all were at home again after', run.evidence['backMs'] ?? Number.NaN, BACK_MS),
      atMost('redirects after one hello', run.evidence['redirects'] ?? Number.NaN, 1),
      atMost('disturbed otherwise', run.evidence['disturbed'] ?? Number.NaN, 0),
    ],
  },
];

/** The load balancer knows nothing of the ring: two of three arrive where they do not belong. */
async function crowds(stage: Stage): Promise<Evidence> {
  const { load } = stage;
  const { interrupted } = load.counts;
  const guests: ClientSubscriber[] = [];
  for (let crowd = 0; crowd < CROWDS; crowd += 1) {
    const those = load.gather(CROWD);
    guests.push(...those);
    await placed(stage, byName, those);
    await until(() => those.every(({ begun }) => begun), {
      for: 'everybody of a crowd to hear something',
      deadlineMs: PLACED_MS,
    });
    await pause(STAY_MS);
    for (const { name } of those) stage.absent.add(name);
    await load.dismiss(those);
  }
  const disturbed = load.counts.interrupted - interrupted;
  const begin = performance.now();
  const back = await returned(stage, load.movers, () => placed(stage, byName));
  const backMs = Math.round(performance.now() - begin);
  await stage.recovered();
  return {
    came: guests.length,
    moved: guests.filter(({ moves }) => moves > 0).length,
    redirects: Math.max(back.redirects, ...guests.map((one) => one.redirects)),
    back: back.dropped,
    backMs,
    disturbed: disturbed + back.disturbed(),
  };
}
