import { z } from 'zod';
import { affinity } from './affinity.ts';
import { integer } from './fields.ts';
import {
  annotations,
  labels,
  nodeSelector,
  objectName,
  qualifiedName,
  resources,
  tolerations,
} from './kubernetes-fields.ts';

/** The parts of a WsCluster's spec that say what pods look like, and where they run. */

/**
 * Room for 30,000 clients at 10 KiB each, 4 of them the kernel's, 64 MiB of recent messages, 32 MiB
 * of publishes that wait, and Node itself; the limit has as much again for bursts.
 */
export const podResources = resources
  .default({ requests: { cpu: '250m', memory: '512Mi' }, limits: { memory: '1Gi' } })
  .meta({
    description: 'What a gateway gets, and may use at most, of each resource.',
  });

export const spread = z
  .array(
    z
      .strictObject({
        topologyKey: qualifiedName('Label of nodes: those with one value of it are one place.'),
        maxSkew: integer([1, 100], 'By how many gateways two places may differ.').default(1),
        whenUnsatisfiable: z
          .enum(['ScheduleAnyway', 'DoNotSchedule'])
          .default('ScheduleAnyway')
          .meta({ description: 'What happens to a gateway that would make them differ by more.' }),
      })
      .meta({ description: 'Places among which gateways are spread.' }),
  )
  .max(4)
  .default([
    {
      topologyKey: 'topology.kubernetes.io/zone',
      maxSkew: 1,
      whenUnsatisfiable: 'ScheduleAnyway',
    },
    { topologyKey: 'kubernetes.io/hostname', maxSkew: 1, whenUnsatisfiable: 'ScheduleAnyway' },
  ])
  .meta({
    description:
      'How gateways of one revision are spread over zones and nodes. Nodes with taints that ' +
      'gateways do not tolerate do not count.',
    listKeys: ['topologyKey'],
  });

export const pod = z
  .strictObject({
    labels: labels('pod.labels', 'Labels of the pods, besides the operator’s.').optional(),
    annotations: annotations('pod.annotations', 'Annotations of the pods.').optional(),
    nodeSelector: nodeSelector('pod.nodeSelector', 'Labels that a node must have.').optional(),
    tolerations: tolerations.optional().meta({
      like: 'pod.spec.tolerations',
      description:
        'Taints that gateways tolerate. Of a node that is not ready or unreachable they go ' +
        'after 30 s unless something else is said here.',
    }),
    affinity: affinity.optional().meta({
      like: 'pod.spec.affinity',
      description: 'Nodes and other pods that gateways are drawn to or kept away from.',
    }),
    priorityClassName: objectName('Name of the PriorityClass of the pods.').optional(),
  })
  .meta({ description: 'What pods of gateways have besides what the operator gives them.' });
