import { z } from 'zod';
import { flag } from '../../gateway/settings/fields.ts';
import { operatorSettings } from '../../operator/settings/declaration.ts';
import { alertNames } from '../observability/alerts.ts';
import { policyAllow } from './policy-values.ts';

/**
 * Every value of the chart, declared once: `values.yaml`, `values.schema.json` and the table of
 * docs/chart.md are made from it. What becomes a setting of the operator is that setting.
 */

const text = (description: string, max = 253) =>
  z.string().max(max).default('').meta({ description });
const registry = /^([a-z0-9][-a-zA-Z0-9._:/[\]]*)?$/;
const registryName = (fallback: string, description: string) =>
  z
    .string()
    .max(255)
    .regex(registry)
    .default(fallback)
    .meta({ description, form: 'a name, with a port or a path if need be' });
const group = <Shape extends z.ZodRawShape>(shape: Shape, description: string) =>
  z
    .strictObject(shape)
    .prefault(() => ({}) as z.input<z.ZodObject<Shape>>)
    .meta({ description });
/** Of Kubernetes: the API server knows what is in it. */
const asKubernetes = (like: string, description: string) =>
  z
    .record(z.string(), z.unknown())
    .default({})
    .meta({ description, form: `as \`${like}\`` });
const texts = (description: string) =>
  z.record(z.string(), z.string()).default({}).meta({ description, form: 'texts by key' });

const image = (repository: string, description: string) =>
  group(
    {
      registry: registryName('docker.io', 'Registry, unless `global.imageRegistry` is given.'),
      repository: z
        .string()
        .max(255)
        .regex(/^[a-z0-9]+([._/-]+[a-z0-9]+)*$/)
        .default(repository)
        .meta({ description: 'Name of the image in it.', form: 'a name such as `team/app`' }),
      tag: z
        .string()
        .regex(/^(\w[\w.-]{0,127})?$/)
        .default('')
        .meta({ description: 'Tag.', form: 'a tag', absent: 'the version of the chart' }),
      digest: z
        .string()
        .regex(/^(sha256:[0-9a-f]{64})?$/)
        .default('')
        .meta({ description: 'Digest, instead of a tag.', form: '`sha256:…`', absent: 'none' }),
    },
    description,
  );

const { watchNamespaces, workers, logLevel } = operatorSettings.shape;

const podMonitor = group(
  {
    enabled: flag(false, 'Whether there is one. Its kind must be there: Prometheus’ operator.'),
    intervalSeconds: z
      .int()
      .min(1)
      .max(3_600)
      .default(30)
      .meta({ unit: 's', description: 'How often metrics are read.' }),
    labels: texts('Labels of it, by which a Prometheus selects it.'),
  },
  'PodMonitor of the operator itself. Those of gateways are made for each WsCluster.',
);

const prometheusRule = group(
  {
    enabled: flag(false, 'Whether there is one. Its kind must be there: Prometheus’ operator.'),
    labels: texts('Labels of it, by which a Prometheus selects it.'),
    runbooks: z
      .string()
      .min(1)
      .max(1_024)
      .regex(/^[^\s#]+$/)
      .default('docs/operations.md')
      .meta({
        description:
          'Where you keep docs/operations.md: `runbook_url` of an alert is this and its section.',
        form: 'an address without `#`',
      }),
    without: z
      .array(z.enum(alertNames))
      .max(alertNames.length)
      .default([])
      .meta({ description: 'Alerts that are left out.', form: 'names of alerts' }),
  },
  'PrometheusRule with the alerts of docs/operations.md, for all gateways and operators that its ' +
    'Prometheus reads.',
);

const dashboard = group(
  {
    enabled: flag(false, 'Whether there is one.'),
    labels: texts('Labels of it, by which Grafana’s sidecar finds it.').default({
      grafana_dashboard: '1',
    }),
    annotations: texts('Annotations of it, such as the folder in Grafana: `grafana_folder`.'),
  },
  'ConfigMap with a dashboard for Grafana: all WsClusters, and the operator.',
);

const metricsApi = group(
  {
    enabled: flag(
      false,
      'Whether the operators serve External metrics, for HorizontalPodAutoscalers of WsClusters. ' +
        'A cluster has one server for these: one of KEDA, or another adapter, stays.',
    ),
    port: z
      .int()
      .min(1_024)
      .max(65_535)
      .default(9_003)
      .meta({
        description:
          'Port of the operators’ pods on which the API server asks for them, for firewalls ' +
          'between it and nodes.',
      }),
  },
  'Numbers by which autoscalers scale; docs/autoscaling.md.',
);

const test = group(
  {
    wsCluster: text(
      'WsCluster that `helm test` connects to, subscribes, publishes and resumes. Without one it ' +
        'asks whether the operator is ready and the API server knows WsClusters.',
      40,
    ),
    namespace: text('Namespace of it.', 63).meta({ absent: 'that of the release' }),
    port: z.int().min(1).max(65_535).default(80).meta({ description: 'Port of its Service.' }),
    tokenSecret: group(
      {
        name: text('Name of the Secret, in the namespace of the release.').meta({ absent: 'none' }),
        key: text('Key in it.').default('token'),
      },
      'Secret with a token that may subscribe and publish to `helm-test.*`. Not needed with ' +
        '`auth.anonymousPublish`.',
    ),
  },
  'What `helm test` does.',
);

export const chartValues = z.strictObject({
  replicas: z.int().min(1).max(9).default(2).meta({
    description: 'Operators. One works; the others take over when it is gone.',
  }),
  image: image('wscluster/operator', 'Image of the operator.'),
  gatewayImage: image('wscluster/gateway', 'Image of gateways of WsClusters that name none.'),
  imagePullPolicy: z
    .enum(['Always', 'IfNotPresent', 'Never'])
    .default('IfNotPresent')
    .meta({ description: 'When nodes fetch the image of the operator.' }),
  imagePullSecrets: z
    .array(z.strictObject({ name: z.string().min(1).max(253) }))
    .max(16)
    .default([])
    .meta({
      description:
        'Secrets with which nodes fetch the image of the operator. Those for gateways stand in ' +
        'each WsCluster.',
      form: 'at most 16, each `name: …`',
    }),
  global: z
    .looseObject({
      imageRegistry: registryName('', 'Registry of both images, instead of their own.').meta({
        absent: 'none',
      }),
    })
    .prefault({})
    .meta({ description: 'What charts that hold this one give to all of theirs.' }),
  watchNamespaces,
  workers,
  logLevel,
  extraEnv: z
    .array(z.looseObject({ name: z.string().min(1).max(253) }))
    .max(64)
    .default([])
    .meta({
      description: 'Further environment of the operator, such as `NODE_EXTRA_CA_CERTS`.',
      form: 'as `pod.spec.containers.env`',
    }),
  crds: group(
    {
      install: flag(true, 'Whether the release brings the definition of WsCluster.'),
      keep: flag(true, 'Whether it stays at `helm uninstall`; with it all WsClusters would go.'),
    },
    'The CustomResourceDefinition.',
  ),
  rbac: group(
    {
      create: flag(true, 'Whether the operator is given its rights; docs/chart.md lists them.'),
      aggregate: flag(
        true,
        'Whether `view`, `edit` and `admin` get rights on WsClusters; only the last two create.',
      ),
    },
    'Rights.',
  ),
  policy: group(
    {
      enabled: flag(
        true,
        'Whether WsClusters that ask for more are refused. Whoever may create WsClusters can ' +
          'otherwise have what else they may not.',
      ),
      allow: policyAllow,
    },
    'What a WsCluster may ask for: a ValidatingAdmissionPolicy.',
  ),
  metricsApi,
  podMonitor,
  prometheusRule,
  dashboard,
  resources: asKubernetes('pod.spec.containers.resources', 'What an operator gets.').default({
    requests: { cpu: '50m', memory: '128Mi' },
    limits: { memory: '512Mi' },
  }),
  nodeSelector: texts('Labels that a node must have.'),
  tolerations: z
    .array(z.record(z.string(), z.unknown()))
    .max(32)
    .default([])
    .meta({ description: 'Taints that operators tolerate.', form: 'as `pod.spec.tolerations`' }),
  affinity: asKubernetes('pod.spec.affinity', 'Nodes and pods that operators are drawn to.'),
  priorityClassName: text('Name of the PriorityClass of the operators.').meta({ absent: 'none' }),
  podLabels: texts('Further labels of the pods; not `app.kubernetes.io/…` and `helm.sh/…`.').meta({
    patternProperties: { '^(app\\.kubernetes\\.io|helm\\.sh)/': false },
  }),
  podAnnotations: texts('Annotations of the pods.'),
  test,
});
