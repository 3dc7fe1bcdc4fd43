import { each } from '../gateways/each.ts';
import { type GatewayClient, GatewayError, type GatewayPod } from '../gateways/gateway-client.ts';
import { KubeError } from '../kube/kube-error.ts';
import type { Log } from '../kube/log.ts';
import type { ObservedPod } from './copies.ts';
import type { DrainMarks } from './drain-marks.ts';
import type { Fleet } from './fleet.ts';
import { adminPortOf, type GatewayView, isEnding, statusOf } from './gateways.ts';

export interface MovementParts {
  readonly marks: DrainMarks;
  readonly gateways: Pick<GatewayClient, 'drain' | 'stay'>;
  readonly log: Log;
}

export interface Movement {
  readonly pods: readonly ObservedPod[];
  readonly gateways: readonly GatewayView[];
  readonly fleet: Pick<Fleet, 'victims' | 'recalled'>;
  readonly wallMs: number;
}

/** Told at once, of one cluster. */
const AT_A_TIME = 16;

/**
 * Writes down who is to be emptied, and calls back who is not: before the ring is made, which then
 * leaves out the ones and has the others. Resolves with the gateways as they are after it. Throws
 * a `KubeError` for all that may be over soon; a pod that is gone is none.
 */
export async function mark(
  { marks, gateways: client, log }: MovementParts,
  { pods, gateways, fleet, wallMs }: Movement,
  signal: AbortSignal,
): Promise<readonly GatewayView[]> {
  const podOf = new Map(pods.map((pod) => [pod.metadata.uid ?? '', pod]));
  const changed = new Map<string, GatewayView>();
  for (const { gateway, reason } of fleet.victims) {
    const pod = podOf.get(gateway.uid);
    const written = { reason, since: Math.floor(wallMs / 1_000) * 1_000 };
    if (pod === undefined || !(await unlessGone(marks.set(pod, written, signal)))) continue;
    changed.set(gateway.uid, { ...gateway, mark: written, phase: 'leaving' });
  }
  for (const gateway of [...fleet.recalled, ...gateways.filter(isAstray)]) {
    const pod = podOf.get(gateway.uid);
    if (pod === undefined || !(await stays(client, pod, signal))) continue;
    if (gateway.mark === undefined) continue;
    const cancelledAt = gateway.mark.reason === 'Requested' ? wallMs : undefined;
    if (!(await unlessGone(marks.clear(pod, cancelledAt, signal)))) continue;
    changed.set(gateway.uid, staying(gateway));
    log.info({ pod: gateway.name }, 'it is not emptied any more');
  }
  return gateways.map((gateway) => changed.get(gateway.uid) ?? gateway);
}

/** Nobody wants it to go, and it does: an operator ended between telling and writing it down. */
function isAstray(gateway: GatewayView): boolean {
  const { mark: marked, endsBy, up } = gateway;
  const drain = statusOf(gateway)?.edge?.drain;
  return marked === undefined && endsBy === undefined && up && (drain ?? 'serving') !== 'serving';
}

const staying = (gateway: GatewayView): GatewayView => ({
  ...gateway,
  mark: undefined,
  phase: gateway.up ? 'running' : 'waiting',
});

/** False: it ends, or does not answer, and is asked again if it is still wanted then. */
async function stays(
  client: Pick<GatewayClient, 'stay'>,
  pod: ObservedPod,
  signal: AbortSignal,
): Promise<boolean> {
  const port = adminPortOf(pod);
  // What does not run knows nothing of it.
  if (port === undefined) return true;
  try {
    await client.stay(port, signal);
    return true;
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error;
    return false;
  }
}

async function unlessGone(write: Promise<void>): Promise<boolean> {
  try {
    await write;
    return true;
  } catch (error) {
    const gone = error instanceof KubeError && (error.status === 404 || error.status === 409);
    if (!gone) throw error;
    return false;
  }
}

/** What a gateway is told: to empty itself, `withinMs` if it has not the time of its settings. */
interface Order {
  readonly port: GatewayPod;
  readonly withinMs: number | undefined;
}

/** Of what is left until Kubernetes ends it: to save what there is, and to end. */
const ENDING_MS = 30_000;
/** With little time: this share of it. */
const ENDING_SHARE = 1 / 5;
/** Kubernetes tells whole seconds, and clocks differ. */
const INEXACT_MS = 2_000;

/**
 * Tells those that are to be emptied and serve still; and those that Kubernetes ends sooner than
 * their settings say, which it tells nobody but the API server: on a notice of two minutes, or
 * somebody's `--grace-period`. Who does not hear it is told again the next time. Rejects with the
 * reason of the signal only.
 */
export async function drain(
  { gateways: client, log }: MovementParts,
  { pods, gateways, wallMs }: Omit<Movement, 'fleet'>,
  signal: AbortSignal,
): Promise<void> {
  const views = new Map(gateways.map((gateway) => [gateway.uid, gateway]));
  const orders = pods.flatMap((pod): Order[] => {
    const view = views.get(pod.metadata.uid ?? '');
    const port = adminPortOf(pod);
    const order = view && orderFor(view, wallMs);
    return order === undefined || port === undefined ? [] : [{ port, ...order }];
  });
  await each(orders, AT_A_TIME, async ({ port, withinMs }) => {
    await client.drain(port, signal, withinMs).catch((error: unknown) => {
      log.info(
        { pod: port.uid, err: error },
        'a gateway that is to be emptied is told again later',
      );
    });
  });
  signal.throwIfAborted();
}

function orderFor(gateway: GatewayView, wallMs: number): Omit<Order, 'port'> | undefined {
  const { mark: marked, endsBy } = gateway;
  const { drain: phase, drainRemainingMs = 0 } = statusOf(gateway)?.edge ?? {};
  if (endsBy === undefined) {
    return marked !== undefined && phase === 'serving' ? { withinMs: undefined } : undefined;
  }
  if (!isEnding(gateway, wallMs)) return undefined;
  const left = endsBy - wallMs;
  const withinMs = Math.ceil(left - Math.min(ENDING_MS, left * ENDING_SHARE));
  const isLate = phase === 'serving' || drainRemainingMs > withinMs + INEXACT_MS;
  return isLate ? { withinMs } : undefined;
}
