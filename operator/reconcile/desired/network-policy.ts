import type {
  V1NetworkPolicy,
  V1NetworkPolicyEgressRule,
  V1NetworkPolicyIngressRule,
  V1NetworkPolicyPeer,
} from '@kubernetes/client-node';
import type { WsCluster } from '../../api/wscluster.ts';
import type { Raw } from '../../kube/objects.ts';
import { metadataOf, names, PORTS, selectorOf } from './names.ts';

/** Where the operator itself runs. */
export interface OperatorPods {
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
}

const port = (number: number, protocol: 'TCP' | 'UDP' = 'TCP') => ({ port: number, protocol });

/**
 * Who may reach gateways, and, where the spec says so, what they may reach. Undefined where the
 * spec wants none.
 *
 * `/metrics` stands on the admin port: who may read metrics reaches commands too, which need a
 * token that the operator has signed.
 */
export function networkPolicy(
  cluster: WsCluster,
  operator: OperatorPods,
): Raw<V1NetworkPolicy> | undefined {
  const { enabled, egressTo } = cluster.spec.networkPolicy;
  if (!enabled) return undefined;
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: metadataOf(cluster, names.networkPolicy(cluster)),
    spec: {
      podSelector: { matchLabels: selectorOf(cluster) },
      policyTypes: egressTo === undefined ? ['Ingress'] : ['Ingress', 'Egress'],
      ingress: ingress(cluster, operator),
      ...(egressTo === undefined ? {} : { egress: egress(cluster, egressTo) }),
    },
  };
}

function ingress(cluster: WsCluster, operator: OperatorPods): Raw<V1NetworkPolicyIngressRule>[] {
  const { clientsFrom, metricsFrom } = cluster.spec.networkPolicy;
  const ofOperator = {
    namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': operator.namespace } },
    podSelector: { matchLabels: operator.labels },
  };
  return [
    { ...(clientsFrom === undefined ? {} : { from: clientsFrom }), ports: [port(PORTS.client)] },
    { from: [gateways(cluster)], ports: [port(PORTS.client), port(PORTS.admin)] },
    { from: [ofOperator], ports: [port(PORTS.admin)] },
    { from: metricsFrom ?? [{ namespaceSelector: {} }], ports: [port(PORTS.admin)] },
  ];
}

function egress(
  cluster: WsCluster,
  others: readonly Raw<V1NetworkPolicyPeer>[],
): Raw<V1NetworkPolicyEgressRule>[] {
  return [
    { to: [gateways(cluster)], ports: [port(PORTS.client), port(PORTS.admin)] },
    // Wherever it is: a cache on the node has an address that no selector knows.
    { ports: [port(53, 'UDP'), port(53)] },
    { to: others },
  ];
}

/** Pods pass clients on to each other, and ask each other whether Redis answers. */
const gateways = (cluster: WsCluster) => ({ podSelector: { matchLabels: selectorOf(cluster) } });
