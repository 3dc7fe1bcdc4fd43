import type { SettingsTree } from '../processes/gateway-process.ts';

/**
 * Intervals of a test: a production gateway's, many times shorter, their ratios kept: probe <
 * socket timeout < heartbeat × missed pings, settle ≫ probe and reconnect, grace < drain deadline.
 */
export const HEARTBEAT_MS = 600;

export const baseSettings = {
  redis: { connectTimeoutMs: 1_500, socketTimeoutMs: 500, reconnectMaxMs: 500 },
  stream: {
    retentionS: 120,
    publishTimeoutMs: 2_000,
    waitTimeoutMs: 300,
    probeIntervalMs: 150,
    settleMs: 1_500,
  },
  hub: { lingerMs: 1_000 },
  edge: {
    heartbeatMs: HEARTBEAT_MS,
    pongTimeoutMs: 400,
    missedPings: 3,
    markerMs: 100,
    drainGraceMs: 700,
    drainDeadlineMs: 4_000,
    identityPerSecond: 1_000_000,
    identityBurst: 1_000_000,
  },
  disruption: { movesPerSecond: 1_000 },
} as const satisfies SettingsTree;

/** Where the ring matters: a busy machine must not disturb any of hundreds of clients. */
const RING_HEARTBEAT_MS = 2_000;

/**
 * A gateway that did not get the processor for a moment must neither look gone, nor find Redis
 * gone, nor say that what it has may be old: clients do not move to one that does, and are not
 * asked again so soon. And a drain has time, so that nobody goes because it is over.
 */
export const ringSettings = {
  redis: { socketTimeoutMs: 1_500 },
  stream: { probeIntervalMs: 500 },
  ring: { heartbeatMs: 1_000 },
  placement: { podEndpoint: 'address' },
  edge: { heartbeatMs: RING_HEARTBEAT_MS, drainDeadlineMs: 40_000 },
} as const satisfies SettingsTree;

interface Beating {
  readonly ring?: boolean;
  readonly settings?: SettingsTree;
}

/** Of gateways to their clients, ms: what clients and judges of a row must expect. */
export function heartbeatOf({ ring, settings }: Beating): number {
  const { edge } = merged(ring === true ? ringSettings : baseSettings, settings ?? {});
  return isSection(edge) ? Number(edge['heartbeatMs']) : HEARTBEAT_MS;
}

/** `over` wins, section by section. */
export function merged(base: SettingsTree, over: SettingsTree): SettingsTree {
  const result: { [name: string]: SettingsTree[string] } = { ...base };
  for (const [name, value] of Object.entries(over)) {
    const old = result[name];
    result[name] = isSection(old) && isSection(value) ? merged(old, value) : value;
  }
  return result;
}

function isSection(value: SettingsTree[string] | undefined): value is SettingsTree {
  return typeof value === 'object' && !Array.isArray(value);
}
