import { RESTRICTED, type Workload } from './workload.ts';

const PORT = 9002;
/** Gateways let in who has it; it is the chart's, too. */
const OPERATOR_LABELS = { 'app.kubernetes.io/name': 'wscluster-operator' };

export interface OperatorsOptions extends Workload {
  /** They look after WsClusters of this one alone. */
  readonly watch: string;
  readonly gatewayImage: string;
}

/**
 * Two operators from their image, who may do anything in both namespaces: which rights they need is
 * another suite's matter.
 */
export function operators(options: OperatorsOptions): object[] {
  const { namespace, image, watch, gatewayImage } = options;
  const name = 'operator';
  const metadata = { name, namespace };
  const settings = {
    WSCLUSTER_OPERATOR_WATCH_NAMESPACES: watch,
    WSCLUSTER_OPERATOR_GATEWAY_IMAGE: gatewayImage,
  };
  const probe = (path: string) => ({ httpGet: { path, port: PORT }, periodSeconds: 1 });
  const container = {
    ...{ name, image, imagePullPolicy: 'IfNotPresent' },
    env: Object.entries(settings).map(([variable, value]) => ({ name: variable, value })),
    readinessProbe: probe('/readyz'),
    livenessProbe: { ...probe('/livez'), failureThreshold: 30 },
    // The image says who it runs as.
    securityContext: { ...RESTRICTED, runAsUser: undefined },
  };
  const template = {
    metadata: { labels: OPERATOR_LABELS },
    spec: { serviceAccountName: name, containers: [container] },
  };
  return [
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata },
    ...[namespace, watch].map((where) => administrator(where, metadata)),
    {
      ...{ apiVersion: 'apps/v1', kind: 'Deployment', metadata },
      spec: { replicas: 2, selector: { matchLabels: OPERATOR_LABELS }, template },
    },
  ];
}

function administrator(where: string, account: { name: string; namespace: string }): object {
  const apiGroup = 'rbac.authorization.k8s.io';
  return {
    ...{ apiVersion: `${apiGroup}/v1`, kind: 'RoleBinding' },
    metadata: { name: account.name, namespace: where },
    subjects: [{ kind: 'ServiceAccount', ...account }],
    roleRef: { apiGroup, kind: 'ClusterRole', name: 'cluster-admin' },
  };
}
