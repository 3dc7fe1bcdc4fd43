import { until } from '../deadline.ts';
import { nanoseconds } from '../history/recorder.ts';
import { tokenFor, tokenKeys } from '../load/token-subscriber.ts';
import { type Evidence, noGaps } from './judges.ts';
import type { Row } from './row.ts';
import type { Stage } from './stage.ts';

/** Faults of whoever grants permissions. */

const TRAVELLER = 'traveller';
/** Messages that it misses in each topic. */
const MISSED = 10;

export const permissionRows: readonly Row[] = [
  {
    row: '60',
    title: 'a permission is lost while its client is away',
    largeOnly: true,
    store: 'memory',
    // All others stay anonymous.
    settings: { auth: { keys: tokenKeys, anonymous: true, anonymousPublish: true } },
    // It is disconnected when it loses the permission: nothing can be under way to it.
    expect: { authorityMs: 0 },
    bites: { refused: 1 },
    inject: lostWhileAway,
    judge: noGaps,
  },
];

/** It comes back with its positions in two topics, and a token that grants one of them. */
async function lostWhileAway(stage: Stage): Promise<Evidence> {
  const { load, arbiter, recorder } = stage;
  const [lost = '', kept = ''] = load.topics;
  const traveller = load.invite(TRAVELLER, [lost, kept]);
  traveller.start();
  const missed = (topic: string) =>
    arbiter.head(topic).seq - (traveller.place(topic)?.seq ?? Number.POSITIVE_INFINITY);
  await until(() => traveller.attached, { for: 'both topics', deadlineMs: 5_000 });
  traveller.away();
  await until(() => !traveller.connected, { for: 'it to be away', deadlineMs: 5_000 });
  await until(() => missed(lost) >= MISSED && missed(kept) >= MISSED, {
    for: 'messages that it misses',
    deadlineMs: 10_000,
  });
  const said = { t: nanoseconds(), identity: TRAVELLER, topic: lost } as const;
  recorder.write({ kind: 'auth', ...said, allowed: false });
  traveller.token = tokenFor(TRAVELLER, [kept]);
  traveller.back();
  await until(() => traveller.refusals.size > 0, { for: 'a refusal', deadlineMs: 5_000 });
  const code = traveller.refusals.get(lost);
  if (code !== 'forbidden') throw new Error(`${lost} was answered with ${code}`);
  await stage.recovered();
  return { refused: traveller.refusals.size };
}
