import type { V1Deployment } from '@kubernetes/client-node';
import type { WsCluster } from '../../api/wscluster.ts';
import type { Raw } from '../../kube/objects.ts';
import { metadataOf, names, REVISION_LABEL, revisionSelectorOf } from './names.ts';
import { podTemplate } from './pod-template.ts';
import type { Basis } from './revision.ts';

/** What changes in a Deployment while its revision lives. */
export interface DeploymentState {
  readonly revision: string;
  readonly replicas: number;
  /** Once its ReplicaSet exists: `kubectl rollout restart` then does nothing past the operator. */
  readonly paused: boolean;
}

/** The gateways of one revision. Its template never changes: another template is another one. */
export function deployment(
  cluster: WsCluster,
  { revision, replicas, paused }: DeploymentState,
  basis: Basis,
): Raw<V1Deployment> {
  const metadata = metadataOf(cluster, names.deployment(cluster, revision));
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { ...metadata, labels: { ...metadata.labels, [REVISION_LABEL]: revision } },
    spec: {
      replicas,
      paused,
      // There is one ReplicaSet, and nothing to go back to: that is another Deployment.
      revisionHistoryLimit: 0,
      progressDeadlineSeconds: cluster.spec.rollout.progressDeadlineSeconds,
      selector: { matchLabels: revisionSelectorOf(cluster, revision) },
      template: podTemplate(cluster, revision, basis),
    },
  };
}
