import { z } from 'zod';
import { count, optional, words } from '../../gateway/settings/fields.ts';

const namespaceName = z
  .string()
  .max(63)
  .regex(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/)
  .meta({ form: 'a name of a namespace' });

const serviceName = z
  .string()
  .max(63)
  .regex(/^[a-z]([-a-z0-9]*[a-z0-9])?$/)
  .meta({ form: 'a name of a Service' });

/** Every setting of the operator, declared once: environment names and docs come from here. */
export const operatorSettings = z.strictObject({
  namespace: namespaceName.optional().meta({
    description: 'Where the operator keeps its Lease and its Secret.',
    absent: 'that of its pod or kubeconfig, else `wscluster-system`',
  }),
  watchNamespaces: words(
    'Namespaces whose WsClusters are looked after. Rights are needed in these alone.',
    namespaceName,
  ).meta({ absent: 'all' }),
  gatewayImage: z
    .string()
    .max(512)
    .regex(/^[^\s:@]\S*$/)
    .optional()
    .meta({
      description: 'Image of gateways of WsClusters that name none.',
      form: 'an image, with a tag or a digest',
      absent: '`wscluster/gateway` of the same version',
    }),
  identity: optional('Name of this process in the Lease and in Events.', {
    absent: 'host name',
    form: '1 to 128 of 0-9 A-Z a-z _ . -',
  }).pipe(
    z
      .string()
      .max(128)
      .regex(/^[\w.-]+$/)
      .optional(),
  ),
  kubeconfig: optional('File that says where the cluster is, outside of one.', {
    absent: 'the account of the pod, else `KUBECONFIG`, else `~/.kube/config`',
  }),
  context: optional('Context of that file.', { absent: 'its current one' }),
  host: z
    .string()
    .min(1)
    .max(255)
    .default('127.0.0.1')
    .meta({ description: 'Address of `/livez`, `/readyz` and `/metrics`; `::` for all.' }),
  port: count(9_002, [0, 65_535], 'Port of these; 0: any free one.'),
  metricsService: serviceName.optional().meta({
    description:
      'Service in the operator’s namespace by which the API server reaches port `metricsPort` ' +
      'for External metrics.',
    absent: 'none are served',
  }),
  metricsPort: count(9_003, [0, 65_535], 'Port of External metrics; 0: any free one.'),
  workers: count(4, [1, 64], 'WsClusters that are worked on at a time.'),
  logLevel: z
    .enum(['debug', 'info', 'warn', 'error', 'silent'])
    .default('info')
    .meta({ description: 'Lines below this level are not written.' }),
});

export type OperatorSettings = z.output<typeof operatorSettings>;
