import { SHARDS } from '../../protocol/ring.ts';
import { pause, until } from '../deadline.ts';
import type { GatewayProcess } from '../processes/gateway-process.ts';
import { agreed } from '../processes/ring-view.ts';
import { atMost, atMostMs } from './demands.ts';
import { type Evidence, noGaps } from './judges.ts';
import {
  byName,
  leisurelyMovers,
  movers,
  patientMovers,
  placed,
  SILENT_MS,
  undisturbed,
} from './movers.ts';
import type { Row } from './row.ts';
import type { Stage } from './stage.ts';

/**
 * Faults of a gateway that stands still for a while and goes on as if it had not. For its timers,
 * and for all others, a stopped process is one whose event loop is stalled.
 */

const STALL_MS = 5_000;
const FROZEN = 'wscluster_doubts_total{cause="frozen"}';
const TAKEN = 'wscluster_ring_documents_total{outcome="newer"}';
/** Each way to Redis: what a gateway has read by then is not answered so soon. */
const SLOW_MS = 250;
/** After the stall: time enough to give the connection up. */
const LATER_MS = 300;
/** Publishes, when it stalls. */
const UNDER_WAY = 3;
/** It answers at once; the rest is a busy machine. */
const ALIVE_MS = 2_500;
const PATIENCE_MS = 60_000;
/** Of a frozen gateway's clients that wait for it to go on. */
const WITNESSES = 6;
const SHARE = movers.shape.movers / 6;

export const stallRows: readonly Row[] = [
  {
    ...patientMovers,
    row: '12',
    title: `a gateway's event loop stalls for ${STALL_MS / 1_000} s`,
    proxied: true,
    // Gateways and clients wait for each other for longer.
    settings: { ring: { heartbeatMs: 3_000 }, edge: { heartbeatMs: 5_000 } },
    bites: { silentMs: STALL_MS, frozen: 1, again: 1 },
    inject: stall,
    judge: (run) => [
      ...undisturbed(run),
      atMost('reconnects', run.counts.reconnects, 0),
      atMost('changes of the ring', run.evidence['changes'] ?? Number.NaN, 0),
      atMostMs(
        'it says that it lives after',
        run.evidence['aliveMs'] ?? Number.NaN,
        ALIVE_MS + run.busyMs,
      ),
      atMost('tries of a publish beyond the second', run.evidence['more'] ?? Number.NaN, 0),
    ],
  },
  {
    ...leisurelyMovers,
    row: '13r',
    title: 'a gateway is frozen until its shards are given away, and wakes up again',
    settings: { placement: { key: 'query:key' } },
    bites: { interrupted: SHARE, given: Math.floor(SHARDS / 3), stayed: WITNESSES / 2 },
    expect: { silenceMs: SILENT_MS },
    inject: zombie,
    judge: (run) => [
      ...noGaps(run),
      atMost('clients of other gateways disturbed', run.evidence['disturbed'] ?? Number.NaN, 0),
      atMost('shards short of its share', run.evidence['short'] ?? Number.NaN, 1),
    ],
  },
];

/** Publishes are under way, so that what became of them is unknown afterwards. */
async function stall(stage: Stage): Promise<Evidence> {
  const { counts } = stage.load;
  for (const proxy of stage.proxies) proxy.delay(SLOW_MS);
  const victim = await until(
    () => stage.gateways.find(({ name }) => stage.load.waitingFor(name) >= UNDER_WAY) ?? false,
    { for: `a gateway to have ${UNDER_WAY} publishes under way`, deadlineMs: PATIENCE_MS },
  );
  const counted = async () => ({
    frozen: (await victim.metric(FROZEN)) ?? Number.NaN,
    changes: (await victim.metric(TAKEN)) ?? Number.NaN,
  });
  const before = { ...(await counted()), again: counts.duplicateAnswers };
  const earlier = stage.recorder.records.length;
  const begin = performance.now();
  // Redis hears what is under way, and its answers come after the stall: else a gateway may read
  // them first when it goes on, and nothing is unknown.
  stage.proxy(stage.gateways.indexOf(victim)).holdAnswers(STALL_MS + LATER_MS);
  victim.freeze();
  const [lived] = await Promise.all([victim.lives(), pause(STALL_MS)]);
  victim.thaw();
  const thawed = performance.now();
  for (const proxy of stage.proxies) proxy.delay(0);
  await until(() => victim.lives(), { for: 'it to say that it lives', deadlineMs: PATIENCE_MS });
  const aliveMs = Math.round(performance.now() - thawed);
  await agreed(stage.gateways);
  await stage.recovered();
  const after = await counted();
  const tries = stage.recorder.records.slice(earlier).filter((one) => one.kind === 'pub');
  return {
    silentMs: lived ? 0 : Math.round(thawed - begin),
    aliveMs,
    frozen: after.frozen - before.frozen,
    changes: after.changes - before.changes,
    again: counts.duplicateAnswers - before.again,
    more: tries.filter(({ attempt }) => attempt > 2).length,
  };
}

/** Some clients are as frozen as it is, and are still there when it wakes up. */
async function zombie(stage: Stage): Promise<Evidence> {
  const { load } = stage;
  const ring = await agreed(stage.gateways);
  const frozen = stage.gateways.find(({ name }) => name !== ring.writer) as GatewayProcess;
  const others = stage.gateways.filter((gateway) => gateway !== frozen);
  const { interrupted } = load.counts;
  const elsewhere = load.movers.filter(({ gateway }) => gateway !== frozen.name);
  const witnesses = load.speakers.slice(0, WITNESSES);
  stage.route([frozen]);
  for (const witness of witnesses) witness.drop();
  await until(() => witnesses.every(({ attached }) => attached), {
    for: 'witnesses to come',
    deadlineMs: PATIENCE_MS,
  });
  for (const witness of witnesses) witness.pause();
  frozen.freeze();
  try {
    stage.route(others);
    await agreed(others);
    await until(() => load.movers.every(({ gateway }) => gateway !== frozen.name), {
      for: 'everybody to leave the frozen gateway',
      deadlineMs: PATIENCE_MS,
    });
    await placed(stage, byName);
  } finally {
    frozen.thaw();
  }
  const drops = load.counts.reconnects;
  for (const witness of witnesses) witness.resume();
  await until(() => frozen.ready(), { for: 'it to be ready', deadlineMs: PATIENCE_MS });
  stage.route(stage.gateways);
  const { members } = await agreed(stage.gateways);
  await placed(stage, byName);
  await stage.recovered();
  const shards = (of: typeof members) => of.find(({ id }) => id === frozen.name)?.shards ?? 0;
  return {
    interrupted: load.counts.interrupted - interrupted,
    disturbed: elsewhere.filter((one) => one.interrupted > 0).length,
    given: shards(ring.members),
    stayed: WITNESSES - (load.counts.reconnects - drops),
    short: Math.floor(SHARDS / members.length) - shards(members),
  };
}
