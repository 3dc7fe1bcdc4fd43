import { z } from 'zod';
import { formed, type Rule, seconds } from './fields.ts';

/** Kubernetes' own types inside a WsCluster, as `kubectl explain pod.spec` says them, bounded. */

const LABEL_VALUE = /^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$/;
const QUALIFIED_NAME =
  /^([a-z0-9]([-a-z0-9.]*[a-z0-9])?\/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$/;
/** A prefix of 253 characters, a slash, a name of 63. */
const QUALIFIED_NAME_MAX = 317;
const ANNOTATION_MAX = 8_192;
const ENTRIES_MAX = 32;

/** Name of an object of another kind, in the namespace of the WsCluster. */
export const objectName = (description: string) =>
  formed(/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/, 253, {
    form: 'a DNS subdomain name of a-z 0-9 - .',
    description,
  });

/** `fallback`: the key that is read where none is named. */
export const secretKeyRef = (fallback: string, description: string) =>
  z
    .strictObject({
      name: objectName('Name of the Secret, in the namespace of the WsCluster.'),
      key: formed(/^[-._A-Za-z0-9]+$/, 253, {
        form: 'a key of a Secret, of A-Z a-z 0-9 - _ .',
        description: 'Key in the Secret.',
      }).default(fallback),
    })
    .meta({ description, mapType: 'atomic' });

export const localObjectRefs = (description: string) =>
  z
    .array(z.strictObject({ name: objectName('Name of the object.') }))
    .max(16)
    .meta({ description, listKeys: ['name'] });

export const qualifiedName = (description: string) =>
  formed(QUALIFIED_NAME, QUALIFIED_NAME_MAX, {
    form: 'a name such as example.com/name',
    description,
  });

const labelValue = (description: string) =>
  z.string().max(63).regex(LABEL_VALUE).meta({
    form: 'a label value: at most 63 of A-Z a-z 0-9 - _ ., letter or digit at both ends',
    description,
  });

const KEY = QUALIFIED_NAME.source.replaceAll('\\/', '/');
const keys = (what: string): Rule => ({
  rule: `self.all(key, size(key) <= ${QUALIFIED_NAME_MAX} && key.matches('${KEY}'))`,
  message: `each key of ${what} must be a name such as example.com/name`,
});

/** Keys that the operator sets on what it makes. */
const reserved = (what: string): Rule => ({
  rule: "self.all(key, !key.startsWith('wscluster.io/') && !key.startsWith('app.kubernetes.io/'))",
  message:
    `no key of ${what} may begin with wscluster.io/ or app.kubernetes.io/: ` +
    'the operator sets those',
});

export const labels = (what: string, description: string) =>
  z.record(z.string(), labelValue('A label value.')).meta({
    description,
    maxProperties: ENTRIES_MAX,
    rules: [keys(what), reserved(what)],
  });

export const annotations = (what: string, description: string) =>
  z.record(z.string(), z.string().max(ANNOTATION_MAX).meta({ description: 'Any text.' })).meta({
    description,
    maxProperties: ENTRIES_MAX,
    rules: [keys(what), reserved(what)],
  });

const matchLabels = (what: string, description: string) =>
  z
    .record(z.string(), labelValue('A label value.'))
    .meta({ description, maxProperties: ENTRIES_MAX, rules: [keys(what)] });

export const nodeSelector = matchLabels;

const selectorRules: readonly Rule[] = [
  {
    rule: "self.operator in ['In', 'NotIn'] == (has(self.values) && size(self.values) > 0)",
    message: 'values must be given with the operators In and NotIn, and with no other',
  },
];

const matchExpressions = z
  .array(
    z
      .strictObject({
        key: qualifiedName('Key of the label.'),
        operator: z
          .enum(['In', 'NotIn', 'Exists', 'DoesNotExist'])
          .meta({ description: 'How the label is compared with the values.' }),
        values: z
          .array(labelValue('A label value.'))
          .max(16)
          .optional()
          .meta({ description: 'Values to compare with.', listType: 'atomic' }),
      })
      .meta({ description: 'A condition on one label.', rules: selectorRules }),
  )
  .max(8)
  .optional()
  .meta({ description: 'Conditions that all must hold.', listType: 'atomic' });

export const labelSelector = (description: string) =>
  z
    .strictObject({
      matchLabels: matchLabels('matchLabels', 'Labels that all must be there.').optional(),
      matchExpressions,
    })
    .meta({ description, mapType: 'atomic', like: 'networkpolicy.spec.podSelector' });

const QUANTITY = /^([0-9]+(\.[0-9]*)?|\.[0-9]+)([KMGTPE]i|[numkMGTPE]|[eE][-+]?[0-9]+)?$/;

const quantity = z
  .union([
    z
      .int()
      .min(0)
      .max(2 ** 53 - 1),
    z.string().min(1).max(32).regex(QUANTITY),
  ])
  .meta({
    description: 'An amount such as 500m or 1Gi.',
    form: 'a quantity, not negative',
    intOrString: true,
  });

const quantities = (what: string, description: string) =>
  z.record(z.string(), quantity).meta({ description, maxProperties: 8, rules: [keys(what)] });

export const resources = z
  .strictObject({
    requests: quantities('resources.requests', 'What a gateway is sure to get.').optional(),
    limits: quantities('resources.limits', 'What a gateway may use at most.').optional(),
  })
  .meta({
    rules: [
      {
        rule:
          '!has(self.requests) || !has(self.limits) || self.requests.all(name, ' +
          '!(name in self.limits) || quantity(string(self.requests[name]))' +
          '.compareTo(quantity(string(self.limits[name]))) <= 0)',
        message: 'each of resources.requests must be at most that of resources.limits',
      },
    ],
  });

const tolerationRules: readonly Rule[] = [
  {
    rule: "self.operator != 'Exists' || !has(self.value) || self.value == ''",
    message: 'a toleration with the operator Exists has no value',
  },
  {
    rule: "has(self.key) || self.operator == 'Exists'",
    message: 'a toleration without a key has the operator Exists',
  },
  {
    rule: "!has(self.tolerationSeconds) || (has(self.effect) && self.effect == 'NoExecute')",
    message: 'tolerationSeconds needs the effect NoExecute',
  },
];

export const tolerations = z
  .array(
    z
      .strictObject({
        key: qualifiedName('Key of the taint.').optional().meta({ absent: 'every taint' }),
        operator: z
          .enum(['Exists', 'Equal'])
          .default('Equal')
          .meta({ description: 'How the taint is compared with the value.' }),
        value: labelValue('Value of the taint.').optional(),
        effect: z
          .enum(['NoSchedule', 'PreferNoSchedule', 'NoExecute'])
          .optional()
          .meta({ description: 'Effect of the taint.', absent: 'every effect' }),
        tolerationSeconds: seconds([0, 86_400], 'How long a taint NoExecute is tolerated.')
          .optional()
          .meta({ absent: 'for ever' }),
      })
      .meta({ description: 'A taint that gateways tolerate.', rules: tolerationRules }),
  )
  .max(16)
  .meta({ listType: 'atomic' });
