import { each } from '../operator/gateways/each.ts';
import { gatewayStatus } from '../operator/gateways/gateway-client.ts';
import type { GatewayReport } from '../operator/gateways/gateway-reports.ts';
import { KubeError } from '../operator/kube/kube-error.ts';
import { pathOf } from '../operator/kube/resource.ts';
import type { ObservedPod } from '../operator/reconcile/copies.ts';
import { PORTS } from '../operator/reconcile/desired/names.ts';
import { DrainMarks } from '../operator/reconcile/drain-marks.ts';
import { adminPortOf, type GatewayView, gatewayOf } from '../operator/reconcile/gateways.ts';
import { pods } from '../operator/reconcile/resources.ts';
import type { Desk } from './command.ts';
import { reasonOf } from './explained.ts';

/** Asked at once. */
const AT_A_TIME = 16;
const DEADLINE_MS = 5_000;

/** A port of a pod, by way of the API server: from here its address may lead nowhere. */
export const proxyPath = (
  { name, namespace }: { readonly name: string; readonly namespace: string },
  port: number,
): string => pathOf(pods, { namespace, name: `${name}:${port}`, subresource: 'proxy' });

/** Gateways as they say they are; who does not answer says why in its report. */
export async function gatewaysOf(
  desk: Pick<Desk, 'api' | 'namespace'>,
  all: readonly ObservedPod[],
): Promise<GatewayView[]> {
  const reports = new Map<ObservedPod, GatewayReport>();
  const askable = all.filter((pod) => adminPortOf(pod) !== undefined);
  await each(askable, AT_A_TIME, async (pod) => {
    reports.set(pod, await reportOf(desk, pod));
  });
  return unasked(desk, all, reports);
}

/** As their pods say they are. */
export function unasked(
  { api }: Pick<Desk, 'api'>,
  all: readonly ObservedPod[],
  reports: ReadonlyMap<ObservedPod, GatewayReport> = new Map(),
): GatewayView[] {
  const marks = new DrainMarks(api);
  return all.map((pod) => gatewayOf(pod, { report: reports.get(pod), mark: marks.of(pod) }));
}

async function reportOf(
  { api, namespace }: Pick<Desk, 'api' | 'namespace'>,
  { metadata: { name = '' } }: ObservedPod,
): Promise<GatewayReport> {
  const path = `${proxyPath({ namespace, name }, PORTS.admin)}/admin/status`;
  try {
    const answer = await api.call({ method: 'GET', path, deadlineMs: DEADLINE_MS });
    const read = gatewayStatus.safeParse(answer);
    return read.success ? { status: read.data } : { problem: 'what it says cannot be read' };
  } catch (error) {
    if (error instanceof KubeError) return { problem: reasonOf(error) };
    throw error;
  }
}
