import type { Kubectl } from '../lab/kubectl.ts';
import { established } from './definition.ts';

const GROUP = 'monitoring.coreos.com';
const anything = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };

/** Kinds of Prometheus' operator, as far as they matter: anything is one. */
export type MonitoringKind = 'PodMonitor' | 'PrometheusRule';

/** As kubectl takes it. */
export const monitoringDefinition = (kind: MonitoringKind): string =>
  `crd/${kind.toLowerCase()}s.${GROUP}`;

/** Resolves when the API server serves them. */
export async function knowMonitoring(
  kubectl: Kubectl,
  kinds: readonly MonitoringKind[],
): Promise<void> {
  for (const kind of kinds) {
    const singular = kind.toLowerCase();
    const plural = `${singular}s`;
    const schema = { openAPIV3Schema: { ...anything, properties: { spec: anything } } };
    await kubectl.apply({
      ...{ apiVersion: 'apiextensions.k8s.io/v1', kind: 'CustomResourceDefinition' },
      metadata: { name: `${plural}.${GROUP}` },
      spec: {
        ...{ group: GROUP, scope: 'Namespaced' },
        names: { plural, singular, kind, listKind: `${kind}List` },
        versions: [{ name: 'v1', served: true, storage: true, schema }],
      },
    });
    await established(kubectl, monitoringDefinition(kind));
  }
}
