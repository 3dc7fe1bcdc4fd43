import { z } from 'zod';
import { integer, type Rule } from './fields.ts';
import { labelSelector, qualifiedName } from './kubernetes-fields.ts';

/** `affinity` of a pod, as `kubectl explain pod.spec.affinity` says it, bounded. */

const TERMS = 8;
const weight = integer([1, 100], 'How much this counts, beside the other preferences.');

const nodeRules: readonly Rule[] = [
  {
    rule:
      "self.operator in ['Exists', 'DoesNotExist'] ? !has(self.values) || size(self.values) == 0 " +
      ": has(self.values) && (self.operator in ['In', 'NotIn'] ? size(self.values) > 0 " +
      ': size(self.values) == 1)',
    message:
      'values: at least one with the operators In and NotIn, exactly one with Gt and Lt, none ' +
      'with Exists and DoesNotExist',
  },
];

const nodeRequirements = (description: string) =>
  z
    .array(
      z
        .strictObject({
          key: qualifiedName('Key of the label, or name of the field.'),
          operator: z
            .enum(['In', 'NotIn', 'Exists', 'DoesNotExist', 'Gt', 'Lt'])
            .meta({ description: 'How the node is compared with the values.' }),
          values: z
            .array(z.string().max(253).meta({ description: 'A value.' }))
            .max(16)
            .optional()
            .meta({ description: 'Values to compare with.', listType: 'atomic' }),
        })
        .meta({ description: 'A condition on a node.', rules: nodeRules }),
    )
    .max(TERMS)
    .optional()
    .meta({ description, listType: 'atomic' });

const nodeTerm = z
  .strictObject({
    matchExpressions: nodeRequirements('Conditions on the labels of the node.'),
    matchFields: nodeRequirements('Conditions on the fields of the node.'),
  })
  .meta({ description: 'Conditions on a node that all must hold.', mapType: 'atomic' });

const nodeAffinity = z
  .strictObject({
    requiredDuringSchedulingIgnoredDuringExecution: z
      .strictObject({
        nodeSelectorTerms: z
          .array(nodeTerm)
          .min(1)
          .max(TERMS)
          .meta({ description: 'Terms of which one must match.', listType: 'atomic' }),
      })
      .optional()
      .meta({ description: 'Nodes that may be used.', mapType: 'atomic' }),
    preferredDuringSchedulingIgnoredDuringExecution: z
      .array(
        z
          .strictObject({ weight, preference: nodeTerm })
          .meta({ description: 'A preference for nodes.' }),
      )
      .max(TERMS)
      .optional()
      .meta({ description: 'Nodes that are used rather than others.', listType: 'atomic' }),
  })
  .optional()
  .meta({ description: 'On which nodes gateways run.' });

const podTerm = z
  .strictObject({
    labelSelector: labelSelector('Pods that are meant.').optional(),
    topologyKey: qualifiedName('Label of nodes: those with one value of it are one place.'),
    namespaceSelector: labelSelector('Namespaces of these pods.')
      .optional()
      .meta({ absent: 'the namespace of the WsCluster' }),
  })
  .meta({ description: 'Pods, and what counts as the same place.' });

const podTerms = (description: string) =>
  z
    .strictObject({
      requiredDuringSchedulingIgnoredDuringExecution: z
        .array(podTerm)
        .max(TERMS)
        .optional()
        .meta({ description: 'What must hold.', listType: 'atomic' }),
      preferredDuringSchedulingIgnoredDuringExecution: z
        .array(
          z
            .strictObject({ weight, podAffinityTerm: podTerm })
            .meta({ description: 'What should hold.' }),
        )
        .max(TERMS)
        .optional()
        .meta({ description: 'What should hold.', listType: 'atomic' }),
    })
    .optional()
    .meta({ description });

export const affinity = z.strictObject({
  nodeAffinity,
  podAffinity: podTerms('Near which pods gateways run.'),
  podAntiAffinity: podTerms('Away from which pods gateways run.'),
});
