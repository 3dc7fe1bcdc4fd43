import { z } from 'zod';
import { policyRules } from './policy-rules.ts';

/** `policy.allow`: a value for each rule. */
export const policyAllow = z
  .strictObject({
    ...Object.fromEntries(
      policyRules.map(({ value, text, fallback, form }) => [
        value,
        z
          .array(z.string().min(1).max(512))
          .max(256)
          .default([...fallback])
          .meta({ description: text, form }),
      ]),
    ),
    affinityAcrossNamespaces: z.boolean().default(false).meta({
      description:
        'Whether `spec.pod.affinity` may name pods of other namespaces, and so keep them away.',
    }),
  })
  .prefault({})
  .meta({
    description:
      'What everybody who may write WsClusters may ask for. `*` alone allows everything. What a ' +
      'WsCluster has already is not refused to who changes something else.',
  });
