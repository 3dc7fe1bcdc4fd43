import { kind } from '../../operator/api/wscluster.ts';
import { type PolicyRule, policyRules, secretReferences } from './policy-rules.ts';
import { HEAD, type Slot, template } from './templates.ts';

/** `templates/policy.yaml`: the rules as a ValidatingAdmissionPolicy, and where it binds. */

const capital = (text: string) => text.charAt(0).toUpperCase() + text.slice(1);
const variable = (prefix: string, { value }: PolicyRule) => `${prefix}${capital(value)}`;

/** CEL: whether the text `v` is one of a list. */
const matches: Readonly<Record<PolicyRule['match'], (allowed: string) => string>> = {
  name: (allowed) => `${allowed}.exists(a, a == '*' || v == a)`,
  key: (allowed) =>
    `${allowed}.exists(a, a == '*' || v == a || a.endsWith('/') && v.startsWith(a))`,
  image: (allowed) =>
    `${allowed}.exists(a, a == '*' || v == a || (a.endsWith('/') ? v.startsWith(a) : ` +
    "v.startsWith(a + ':') || v.startsWith(a + '@')))",
  host: (allowed) =>
    `${allowed}.exists(a, a == '*' || v == a || ` +
    "a.startsWith('*.') && v.endsWith(a.substring(1)))",
};

const mark = (value: string) => `SLOT-${value}`;

/** The list, as CEL in a text of YAML. What the operator was installed with is always allowed. */
function slot({ value }: PolicyRule): Slot {
  const given = `.Values.policy.allow.${value}`;
  const list = value === 'images' ? `append ${given} (include "wscluster.gatewayImage" .)` : given;
  return { mark: mark(value), pipeline: `toJson (toJson (${list}))` };
}

/** CEL: whether an update leaves all of these as they were. */
const unchanged = (parts: readonly string[]) =>
  [
    'oldObject != null',
    ...parts.map((part) => `${at('object', part)} == ${at('oldObject', part)}`),
  ].join(' && ');

/** What need not be there is optional. */
const at = (self: string, path: string) => `${self}.spec.?${path.split('.').join('.?')}`;

function variablesOf(rule: PolicyRule): object[] {
  const allowed = variable('allowed', rule);
  const matched = matches[rule.match](`variables.${allowed}`);
  const refused = `(${rule.asked}).filter(v, !${matched})`;
  return [
    { name: allowed, expression: mark(rule.value) },
    {
      name: variable('refused', rule),
      expression: `${unchanged(rule.parts)} ? [] : ${refused}`,
    },
  ];
}

const allowedBy = (value: string) =>
  `is not allowed; an administrator can allow it with policy.allow.${value} of the chart`;

function validationOf(rule: PolicyRule): object {
  const refused = `variables.${variable('refused', rule)}`;
  const says = (what: string) => `${rule.field}: ${what}`;
  return {
    expression: `size(${refused}) == 0`,
    reason: 'Forbidden',
    message: says(`something ${allowedBy(rule.value)}`),
    messageExpression: `'${says('')}' + ${refused}.join(', ') + ' ${allowedBy(rule.value)}'`,
  };
}

/** Gateways send what they are given to where the WsCluster says: naming a Secret is reading it. */
function secretValidation(path: string, { parts }: PolicyRule): object {
  const name = `${at('object', path)}.?name.orValue('')`;
  const may =
    "authorizer.group('').resource('secrets').namespace(request.namespace)" +
    `.name(${name}).check('get').allowed()`;
  const value = 'policy.allow.secrets of the chart';
  return {
    expression:
      `${name} == '' || variables.allowedSecrets.exists(a, a == '*' || a == ${name}) || ` +
      `${unchanged(parts)} || ${may}`,
    reason: 'Forbidden',
    message: `spec.${path}: who names a Secret must be allowed to read it, or ${value} name it`,
    messageExpression:
      `'spec.${path}: ' + request.userInfo.username + ' may not read the Secret ' + ${name} + ` +
      `', and so not name it; an administrator can allow it with ${value}'`,
  };
}

const foreignPods = (which: string) => {
  const path = `pod.affinity.${which}`;
  const named = (when: string, term: string) =>
    `${at('object', `${path}.${when}DuringSchedulingIgnoredDuringExecution`)}.orValue([])` +
    `.exists(t, ${term}.?namespaceSelector.hasValue())`;
  return `${named('required', 't')} || ${named('preferred', 't.?podAffinityTerm')}`;
};

const affinityValidation = {
  expression:
    `variables.affinityAcrossNamespaces || ${unchanged(['pod.affinity'])} || ` +
    `!(${foreignPods('podAffinity')} || ${foreignPods('podAntiAffinity')})`,
  reason: 'Forbidden',
  message:
    'spec.pod.affinity: namespaceSelector is not allowed; an administrator can allow it with ' +
    'policy.allow.affinityAcrossNamespaces of the chart',
};

const SPECIAL = 'SLOT-affinityAcrossNamespaces';

export function policyTemplate(): string {
  const ruled = policyRules.filter(({ value }) => value !== 'secrets');
  const secrets = policyRules.filter(({ value }) => value === 'secrets');
  const policy = {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingAdmissionPolicy',
    metadata: { name: 'SLOT-name', labels: 'SLOT-labels' },
    spec: {
      failurePolicy: 'Fail',
      matchConstraints: {
        resourceRules: [
          {
            ...{ apiGroups: [kind.group], apiVersions: ['*'], resources: [kind.plural] },
            operations: ['CREATE', 'UPDATE'],
          },
        ],
      },
      variables: [
        ...ruled.flatMap(variablesOf),
        ...secrets.map((rule) => ({
          name: variable('allowed', rule),
          expression: mark(rule.value),
        })),
        { name: 'affinityAcrossNamespaces', expression: SPECIAL },
      ],
      validations: [
        ...ruled.map(validationOf),
        ...secrets.flatMap((rule) => secretReferences.map((path) => secretValidation(path, rule))),
        affinityValidation,
      ],
    },
  };
  const slots = [
    ...policyRules.map(slot),
    { mark: SPECIAL, pipeline: 'toJson (toString .Values.policy.allow.affinityAcrossNamespaces)' },
    { mark: 'SLOT-name', pipeline: 'include "wscluster.ofCluster" (list . "wscluster")' },
    { mark: 'SLOT-labels', pipeline: 'include "wscluster.labels" . | nindent 4' },
  ];
  const text = template(policy, slots) + BINDING;
  return `${HEAD}{{- if .Values.policy.enabled }}\n${text}{{- end }}\n`;
}

/** Namespaces are named by a label that the API server itself sets. */
const BINDING = `---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata:
  name: {{ include "wscluster.ofCluster" (list . "wscluster") }}
  labels: {{- include "wscluster.labels" . | nindent 4 }}
spec:
  policyName: {{ include "wscluster.ofCluster" (list . "wscluster") }}
  validationActions:
  - Deny
{{- with .Values.watchNamespaces }}
  matchResources:
    namespaceSelector:
      matchExpressions:
      - key: kubernetes.io/metadata.name
        operator: In
        values: {{- toYaml . | nindent 8 }}
{{- end }}
`;
