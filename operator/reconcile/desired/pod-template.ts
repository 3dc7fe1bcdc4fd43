import type {
  V1Container,
  V1PodTemplateSpec,
  V1Probe,
  V1Toleration,
} from '@kubernetes/client-node';
import { variableOf } from '../../api/gateway-variables.ts';
import type { WsCluster } from '../../api/wscluster.ts';
import type { Raw } from '../../kube/objects.ts';
import { volumeMounts, volumes } from './mounts.ts';
import { names, PORTS, podLabelsOf, revisionSelectorOf } from './names.ts';
import type { Basis } from './revision.ts';

/** After the drain's own deadline: to save what is left, and to end. */
const GRACE_AFTER_DRAIN_S = 30;

/** The pods of a revision: `restricted` as Pod Security understands it. */
export function podTemplate(
  cluster: WsCluster,
  revision: string,
  basis: Basis,
): Raw<V1PodTemplateSpec> {
  const { pod = {}, disruption, imagePullSecrets, spread } = cluster.spec;
  const { annotations, nodeSelector, affinity, priorityClassName } = pod;
  return {
    metadata: {
      labels: podLabelsOf(cluster, revision),
      ...(annotations === undefined ? {} : { annotations }),
    },
    spec: {
      serviceAccountName: names.serviceAccount(cluster),
      automountServiceAccountToken: false,
      // A Service named wscluster would look like a setting.
      enableServiceLinks: false,
      ...(imagePullSecrets === undefined ? {} : { imagePullSecrets }),
      securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
      terminationGracePeriodSeconds: disruption.drainDeadlineSeconds + GRACE_AFTER_DRAIN_S,
      ...(nodeSelector === undefined ? {} : { nodeSelector }),
      ...(affinity === undefined ? {} : { affinity }),
      ...(priorityClassName === undefined ? {} : { priorityClassName }),
      tolerations: tolerations(pod.tolerations),
      topologySpreadConstraints: spread.map((constraint) => ({
        ...constraint,
        // Else nodes that take no gateway, or are lost, keep replacements waiting.
        nodeTaintsPolicy: 'Honor',
        labelSelector: { matchLabels: revisionSelectorOf(cluster, revision) },
      })),
      containers: [container(cluster, revision, basis)],
      volumes: volumes(cluster),
    },
  };
}

function container(cluster: WsCluster, revision: string, { image }: Basis): Raw<V1Container> {
  const { spec } = cluster;
  return {
    name: 'gateway',
    image: spec.image ?? image,
    imagePullPolicy: spec.imagePullPolicy,
    envFrom: [{ configMapRef: { name: names.configMap(cluster, revision) } }],
    env: [
      ofPod(variableOf('pod'), 'metadata.name'),
      // Commands name the pod, not its name, which another may have had.
      ofPod(variableOf('admin.audience'), 'metadata.uid'),
      ofPod('POD_IP', 'status.podIP'),
    ],
    ports: [
      { name: 'client', containerPort: PORTS.client, protocol: 'TCP' },
      { name: 'admin', containerPort: PORTS.admin, protocol: 'TCP' },
    ],
    // Until it answers once: a start on a busy node may take its time.
    startupProbe: probe('/livez', { periodSeconds: 1, timeoutSeconds: 2, failureThreshold: 60 }),
    livenessProbe: probe('/livez', { periodSeconds: 10, timeoutSeconds: 5, failureThreshold: 6 }),
    readinessProbe: probe('/readyz', { periodSeconds: 2, timeoutSeconds: 2, failureThreshold: 2 }),
    resources: resources(spec.resources),
    securityContext: {
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      runAsNonRoot: true,
      capabilities: { drop: ['ALL'] },
      seccompProfile: { type: 'RuntimeDefault' },
    },
    // What ended it is in its last lines.
    terminationMessagePolicy: 'FallbackToLogsOnError',
    volumeMounts,
  };
}

/** Numbers are written as texts: those are what Kubernetes gives back. */
function resources({ requests, limits }: WsCluster['spec']['resources']) {
  const texts = (quantities: Readonly<Record<string, number | string>>) =>
    Object.fromEntries(Object.entries(quantities).map(([name, value]) => [name, String(value)]));
  return {
    ...(requests === undefined ? {} : { requests: texts(requests) }),
    ...(limits === undefined ? {} : { limits: texts(limits) }),
  };
}

const ofPod = (name: string, fieldPath: string) => ({
  name,
  valueFrom: { fieldRef: { fieldPath } },
});

const probe = (path: string, times: Partial<Raw<V1Probe>>): Raw<V1Probe> => ({
  httpGet: { path, port: 'admin' },
  ...times,
});

/** Kubernetes’ own default is 300 s, in which nothing takes the place of what was there. */
const LOST_NODE_S = 30;
const LOST_NODE_TAINTS = ['node.kubernetes.io/not-ready', 'node.kubernetes.io/unreachable'];

type Given = NonNullable<WsCluster['spec']['pod']>['tolerations'];

/** Those that are given; of a lost node for 30 s, unless they say something else. */
function tolerations(given: Given = []): Raw<V1Toleration>[] {
  const own = LOST_NODE_TAINTS.filter((key) => !given.some((one) => says(one, key))).map((key) => ({
    key,
    operator: 'Exists' as const,
    effect: 'NoExecute' as const,
    tolerationSeconds: LOST_NODE_S,
  }));
  return [...given, ...own];
}

function says({ key, effect }: NonNullable<Given>[number], taint: string): boolean {
  return (key ?? taint) === taint && (effect ?? 'NoExecute') === 'NoExecute';
}
