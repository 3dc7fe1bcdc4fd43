import {
  type EdgeSettings,
  edgeSettings,
  type HubSettings,
  hubSettings,
  type StreamSettings,
  streamSettings,
} from '../../gateway/settings/declaration.ts';
import type { Random } from '../../protocol/clock.ts';
import { pickOne } from '../../protocol/testing/chance.ts';

/** The settings of all gateways of one world. */
export interface WorldSettings {
  readonly stream: StreamSettings;
  readonly hub: HubSettings;
  readonly edge: EdgeSettings;
  /** Between two questions to the peers of a gateway that lost the store. */
  readonly cutOffMs: number;
  /** Messages that are not the newest ones may be gone. */
  readonly trims: boolean;
  /** Topics are forgotten a few seconds after their last message. */
  readonly expires: boolean;
  /** Ids are forgotten a few seconds after they were written, and a gateway is away for longer. */
  readonly forgets: boolean;
  /** Undefined: the gateways have no ring. */
  readonly ring: RingSettings | undefined;
}

/** Of worlds in which gateways organise a ring. */
export interface RingSettings {
  readonly heartbeatMs: number;
  readonly movesPerSecond: number;
  /** By what clients are placed: each by its name, or by the session that it gets. */
  readonly key: 'query:user' | 'sub';
  /** A gateway that is started again is the same member, as in a StatefulSet. */
  readonly keepsNames: boolean;
  /** How far the clocks of gateways may be off, either way. */
  readonly skewMs: number;
  /** Whoever did not go home at once is waited for until it must have: that is a long time. */
  readonly patient: boolean;
  /** Clients that are connected and listen to nothing. */
  readonly crowd: number;
}

/** As the settings of users demand it of these heartbeats. */
export const FORGETFUL_S = 8;

/** As many entries a topic keeps in worlds that trim. */
const KEPT = 10;

/** Small and quick, so that limits are reached and waits are short; below the bounds for users. */
export function settingsFor(random: Random, withRing: boolean): WorldSettings {
  const kind = random();
  const expires = kind < 0.08 && !withRing;
  const forgets = kind > 0.9;
  const trims = kind < 0.35;
  const stream = streamSettings.parse({
    probeIntervalMs: 300,
    settleMs: 1_500,
    publishTimeoutMs: 1_200,
    idempotencyWindowS: forgets ? FORGETFUL_S : 60,
    // What is trimmed in the step that writes it, the arbiter only sees inline.
    inlineBytes: pickOne(trims ? [1_000_000] : [0, 200, 16_384, 16_384], random),
    parkedBytes: pickOne([1_024, 65_536], random),
    pageEntries: pickOne([1, 3, 20, 100], random),
    retentionS: expires ? 1 : 3_600,
    retentionEntries: trims ? KEPT : 10_000,
  });
  const hub = hubSettings.parse({
    lingerMs: pickOne([0, 400, 5_000], random),
    recentTopicBytes: pickOne([0, 300, 65_536], random),
    openTimeoutMs: 4_000,
    catchUpTimeoutMs: 10_000,
  });
  const edge = edgeSettings.parse({
    heartbeatMs: 1_000,
    pongTimeoutMs: 700,
    missedPings: 2,
    helloTimeoutMs: 1_500,
    slowTimeoutMs: 2_500,
    markerMs: 150,
    drainGraceMs: 100,
    drainDeadlineMs: 2_500,
  });
  const outboxBytes = pickOne([3_000, 8_000, 65_536], random);
  const ring = withRing ? ringSettingsFor(random) : undefined;
  return {
    stream,
    hub,
    edge: { ...edge, outboxBytes },
    cutOffMs: 400,
    trims,
    expires,
    forgets,
    ring,
  };
}

/** A crowd shows whether the budget is kept: only a small one is ever used up. */
function ringSettingsFor(random: Random): RingSettings {
  const crowded = random() < 0.2;
  return {
    heartbeatMs: pickOne([100, 250], random),
    movesPerSecond: pickOne(crowded ? [2, 10] : [20, 200], random),
    key: pickOne(['query:user', 'query:user', 'sub'] as const, random),
    keepsNames: random() < 0.5,
    // Beyond some seconds nobody can prove that it was asked to move.
    skewMs: pickOne([2_000, 2_000, 2_000, 300_000], random),
    patient: random() < 0.2,
    crowd: crowded ? 30 : 0,
  };
}
