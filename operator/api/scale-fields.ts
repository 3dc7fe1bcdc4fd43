import { z } from 'zod';
import { ringLimits } from '../../protocol/ring.ts';
import { integer, seconds } from './fields.ts';

/** The parts of a WsCluster's spec that say how many gateways there are. */

/** Half of what a ring holds: during a rollout there are gateways of two revisions. */
export const GATEWAYS_MAX = ringLimits.members / 2;

const TARGET_DEFAULT = 20_000;
/** Room above the target, for clients that come faster than gateways. */
const ROOM = 1.5;

/**
 * What a gateway takes where the spec does not say it. The same without autoscaling as with what it
 * aims at by default, so that turning it on replaces no gateway.
 */
export const connectionsFor = (target: number = TARGET_DEFAULT): number => Math.ceil(target * ROOM);

export const replicas = integer(
  [0, GATEWAYS_MAX],
  'Gateways that are wanted. `kubectl scale` and autoscalers set it. With 0 none runs and nobody ' +
    'is served, until it is raised; an autoscaler leaves it alone then.',
).default(3);

export const autoscaling = z
  .strictObject({
    mode: z
      .enum(['HPA', 'External', 'None'])
      .default('HPA')
      .meta({
        description:
          'Who sets `replicas`. `HPA`: a HorizontalPodAutoscaler that the operator makes. ' +
          '`External`: an autoscaler of yours, such as KEDA’s. `None`: nobody. In each case they ' +
          'are held between `minReplicas` and `maxReplicas`.',
      }),
    minReplicas: integer([1, GATEWAYS_MAX], 'Fewest gateways.').default(3),
    maxReplicas: integer([1, GATEWAYS_MAX], 'Most gateways.'),
    targetConnectionsPerPod: integer(
      [1, 1_000_000],
      'Connections per gateway to aim at, on average.',
    ).default(TARGET_DEFAULT),
    targetCPUUtilizationPercentage: integer(
      [1, 100],
      'CPU to aim at, in percent of what is requested, on average.',
    )
      .optional()
      .meta({ absent: 'CPU does not count' }),
    targetEventLoopUtilizationPercentage: integer(
      [1, 100],
      'Share of time in which the event loop is busy to aim at, in percent, on average.',
    )
      .optional()
      .meta({ absent: 'it does not count' }),
    scaleDownStabilizationSeconds: seconds(
      [0, 3_600],
      'For how long fewer gateways must have been enough before any is removed.',
    ).default(600),
    scaleUpPercentPerMinute: integer(
      [1, 1_000],
      'By how much more gateways may become within a minute, in percent; four are always allowed.',
    ).default(100),
    scaleDownPercentPerMinute: integer(
      [1, 100],
      'By how much fewer gateways may become within a minute, in percent; one is always allowed.',
    ).default(10),
  })
  .meta({
    description: 'Number of gateways by load.',
    rules: [
      {
        rule: 'self.minReplicas <= self.maxReplicas',
        message: 'autoscaling.minReplicas must not be above autoscaling.maxReplicas',
      },
    ],
  });
