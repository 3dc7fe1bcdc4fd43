import { z } from 'zod';
import { auth } from './auth-fields.ts';
import { formed, type Rule } from './fields.ts';
import { localObjectRefs } from './kubernetes-fields.ts';
import { metrics, networkPolicy, service } from './network-fields.ts';
import { pod, podResources, spread } from './pod-fields.ts';
import { redis } from './redis-fields.ts';
import { autoscaling, replicas } from './scale-fields.ts';
import { disruption, heartbeat, limits, placement, retention, rollout } from './traffic-fields.ts';

const rules: readonly Rule[] = [
  {
    rule:
      '!has(self.autoscaling) || !has(self.limits.connectionsPerPod) || ' +
      'self.autoscaling.targetConnectionsPerPod < self.limits.connectionsPerPod',
    message:
      'autoscaling.targetConnectionsPerPod must be below limits.connectionsPerPod: gateways ' +
      'would refuse clients before there are more of them',
  },
];

/** What is wanted of a cluster: the one declaration, from which everything else is made. */
export const wsClusterSpec = z
  .strictObject({
    replicas,
    autoscaling: autoscaling.optional(),
    image: formed(/^[^\s:@]\S*$/, 512, {
      form: 'an image, with a tag or a digest',
      description: 'Image of the gateways.',
    })
      .optional()
      .meta({ absent: 'the one that the operator was installed with' }),
    imagePullPolicy: z
      .enum(['Always', 'IfNotPresent', 'Never'])
      .default('IfNotPresent')
      .meta({ description: 'When nodes fetch the image.' }),
    imagePullSecrets: localObjectRefs('Secrets with which nodes fetch the image.').optional(),
    redis,
    auth,
    placement,
    retention,
    limits,
    heartbeat,
    disruption,
    rollout,
    resources: podResources,
    spread,
    pod: pod.optional(),
    service,
    networkPolicy,
    metrics,
  })
  .meta({ description: 'What is wanted of the cluster.', rules });
