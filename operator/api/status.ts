import { z } from 'zod';
import { integer, text } from './fields.ts';

/** Why the operator empties a gateway. */
export const drainReasons = ['ScaleDown', 'Rollout', 'Requested'] as const;

/** What the operator has found out and done. */

/** The conditions of a WsCluster; each is there from the first status on, `Unknown` at first. */
export const conditionTypes = {
  Ready: 'The cluster is as its spec wants it. The one to wait for.',
  Available: 'Clients are served: enough gateways are ready.',
  Progressing: 'Gateways are being added or replaced; False: it goes no further.',
  Degraded: 'Something needs a person; the reason says what.',
  RingSynced: 'Every gateway has the newest ring.',
  ScalingActive: 'The number of gateways follows their load.',
  Draining: 'Gateways are being emptied of their clients.',
  DrainTooSlow: 'The budget cannot empty a gateway in the time that it has.',
  MetricsAvailable: 'The numbers by which the cluster is scaled can be read.',
  RedisSuitable: 'Redis is reached, and can keep what is promised.',
  CapacitySuitable:
    'A gateway can carry the clients that it may have: its memory, and their ports.',
  RingBalanced: 'No gateway owns, or has, far more than its share.',
  VersionSkew: 'Gateways, and the operator, have versions that are not meant for each other.',
} as const;

const condition = z
  .strictObject({
    type: z
      .string()
      .min(1)
      .max(64)
      .regex(/^[A-Z][A-Za-z]*$/)
      .meta({ description: 'Which condition.' }),
    status: z.enum(['True', 'False', 'Unknown']).meta({ description: 'Whether it holds.' }),
    observedGeneration: integer(
      [0, Number.MAX_SAFE_INTEGER],
      'The `metadata.generation` for which this was found.',
    ).optional(),
    lastTransitionTime: z
      .string()
      .meta({ format: 'date-time', description: 'When the status last changed.' }),
    reason: z
      .string()
      .min(1)
      .max(128)
      .regex(/^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$/)
      .meta({ description: 'Why, in one word for programs.' }),
    message: z.string().max(32_768).meta({ description: 'Why, and what to do, for people.' }),
  })
  .meta({ description: 'One condition.' });

const ring = z
  .strictObject({
    version: z
      .string()
      .max(33)
      .regex(/^[0-9]+\.[0-9]+$/)
      .meta({ description: 'Generation and counter of the newest ring, such as `3.17`.' }),
    members: integer([0, 1_000], 'Gateways in it.'),
    balancePercent: integer(
      [100, 1_000_000],
      'Shards of the fullest gateway over its fair share, in percent: 100 is perfect.',
    ).optional(),
  })
  .meta({ description: 'Which gateway owns what, as far as all have heard of it.' });

const revision = z
  .strictObject({
    name: text(63, 'Name of the revision, as the label of its pods says it.'),
    image: text(512, 'Image of its gateways, where the spec names none.'),
    templateVersion: integer(
      [1, 2 ** 31 - 1],
      'Which version of the operator’s pod template they were made from. A new operator keeps ' +
        'it until the spec changes, so that no upgrade restarts every cluster.',
    ),
  })
  .meta({ description: 'The revision that gateways have, or are getting.' });

/** Shown of more; they are told all the same. */
export const DRAINING_SHOWN = 50;

const draining = z
  .strictObject({
    pod: text(253, 'Name of its pod.'),
    state: z.enum(['Emptying', 'Empty', 'Ending']).meta({
      description:
        '`Emptying`: clients are asked to go. `Empty`: they are gone, and its pod is about to ' +
        'be. `Ending`: Kubernetes ends it, and it empties itself meanwhile.',
    }),
    reason: z
      .enum([...drainReasons, 'Deleted'])
      .meta({ description: 'Why: `Deleted`, by an eviction, or by somebody else.' }),
    connections: integer(
      [0, Number.MAX_SAFE_INTEGER],
      'Clients that it still has, rounded to two digits, and not always the newest number.',
    ).optional(),
    until: z
      .string()
      .meta({ format: 'date-time', description: 'When it will be over at the latest.' })
      .optional(),
  })
  .meta({ description: 'A gateway that is being emptied.' });

const gateways = (description: string) => integer([0, 10_000], description);

export const wsClusterStatus = z
  .strictObject({
    observedGeneration: integer(
      [0, Number.MAX_SAFE_INTEGER],
      'The `metadata.generation` that this status is about.',
    ).optional(),
    conditions: z
      .array(condition)
      .max(32)
      .optional()
      .meta({ description: 'What holds, by type.', listKeys: ['type'] }),
    replicas: gateways(
      'Gateways that do not drain, no more than are wanted: as autoscalers need to know them.',
    ).optional(),
    selector: z
      .string()
      .max(1_024)
      .optional()
      .meta({ description: 'Labels of all gateways, of every revision, for autoscalers.' }),
    readyReplicas: gateways('Gateways that are ready to serve.').optional(),
    updatedReplicas: gateways(
      'Gateways of the revision that all are to have, and ready.',
    ).optional(),
    drainingReplicas: gateways('Gateways that are being emptied.').optional(),
    connections: integer(
      [0, Number.MAX_SAFE_INTEGER],
      'Clients that are connected, rounded to two digits, and not always the newest number.',
    ).optional(),
    ring: ring.optional(),
    draining: z
      .array(draining)
      .max(DRAINING_SHOWN)
      .optional()
      .meta({
        description: `Gateways that are being emptied, ${DRAINING_SHOWN} of them.`,
        listKeys: ['pod'],
      }),
    revision: revision.optional(),
    stableRevision: text(63, 'The revision that all gateways had last.').optional(),
  })
  .meta({ description: 'What is. Only the operator writes it.' });
