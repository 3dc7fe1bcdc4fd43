import { z } from 'zod';
import { formed, group, integer, seconds } from './fields.ts';
import { annotations, labelSelector, labels, qualifiedName } from './kubernetes-fields.ts';

/** The parts of a WsCluster's spec that say who reaches its gateways. */

const CIDR = /^([0-9]{1,3}(\.[0-9]{1,3}){3}\/[0-9]{1,2}|[0-9A-Fa-f:.]{2,45}\/[0-9]{1,3})$/;

const cidr = (description: string) =>
  formed(CIDR, 49, { form: 'a CIDR such as 10.0.0.0/8 or fd00::/8', description });

export const service = group(
  {
    type: z
      .enum(['ClusterIP', 'NodePort', 'LoadBalancer'])
      .default('ClusterIP')
      .meta({ description: 'How the Service is reached from outside the cluster.' }),
    port: integer([1, 65_535], 'Port of the Service, for WebSocket and the HTTP API.').default(80),
    annotations: annotations('service.annotations', 'Annotations of the Service.').optional(),
    ipFamilyPolicy: z.enum(['SingleStack', 'PreferDualStack', 'RequireDualStack']).optional().meta({
      description: 'Whether the Service has an address of each IP family.',
      absent: 'what the cluster does',
    }),
    ipFamilies: z
      .array(z.enum(['IPv4', 'IPv6']))
      .min(1)
      .max(2)
      .optional()
      .meta({
        description: 'IP families of the Service, the first one preferred.',
        absent: 'those of the cluster',
        listType: 'atomic',
      }),
    externalTrafficPolicy: z.enum(['Cluster', 'Local']).optional().meta({
      description: 'Whether clients reach gateways of any node, or of the one they come to.',
      absent: 'Cluster',
    }),
    loadBalancerClass: qualifiedName('Which load balancer, where the cluster has several.')
      .optional()
      .meta({ absent: 'the one of the cluster' }),
    loadBalancerSourceRanges: z.array(cidr('Addresses.')).max(64).optional().meta({
      description: 'Addresses from which the load balancer takes clients.',
      absent: 'all',
      listType: 'set',
    }),
  },
  'The Service that clients connect to.',
  [
    {
      rule:
        "self.type == 'LoadBalancer' || " +
        '(!has(self.loadBalancerClass) && !has(self.loadBalancerSourceRanges))',
      message:
        'service.loadBalancerClass and service.loadBalancerSourceRanges need service.type: ' +
        'LoadBalancer',
    },
    {
      rule: "self.type != 'ClusterIP' || !has(self.externalTrafficPolicy)",
      message: 'service.externalTrafficPolicy needs service.type: NodePort or LoadBalancer',
    },
    {
      rule:
        '!has(self.ipFamilies) || size(self.ipFamilies) == 1 || (has(self.ipFamilyPolicy) && ' +
        "self.ipFamilyPolicy != 'SingleStack' && self.ipFamilies[0] != self.ipFamilies[1])",
      message:
        'two service.ipFamilies must differ, and need service.ipFamilyPolicy: PreferDualStack ' +
        'or RequireDualStack',
    },
  ],
);

const peer = z
  .strictObject({
    podSelector: labelSelector('Labels of pods.')
      .optional()
      .meta({ absent: 'every pod of these namespaces' }),
    namespaceSelector: labelSelector('Labels of namespaces.')
      .optional()
      .meta({ absent: 'the namespace of the WsCluster' }),
    ipBlock: z
      .strictObject({
        cidr: cidr('Addresses that are meant.'),
        except: z
          .array(cidr('Addresses.'))
          .max(16)
          .optional()
          .meta({ description: 'Addresses among them that are not.', listType: 'atomic' }),
      })
      .optional()
      .meta({ description: 'A range of addresses.' }),
  })
  .meta({
    description: 'Pods, or addresses.',
    rules: [
      {
        rule: 'has(self.ipBlock) != (has(self.podSelector) || has(self.namespaceSelector))',
        message: 'a peer is either an ipBlock or has a podSelector or a namespaceSelector',
      },
    ],
  });

const peers = (description: string) =>
  z.array(peer).min(1).max(16).optional().meta({ description, listType: 'atomic' });

export const networkPolicy = group(
  {
    enabled: z
      .boolean()
      .default(true)
      .meta({
        description:
          'Whether a NetworkPolicy allows what is needed, and nothing else: clients to the ' +
          'client port, gateways to each other, the operator to the admin port, Prometheus to ' +
          'the metrics.',
      }),
    clientsFrom: peers('Who may connect as a client.').meta({ absent: 'everybody' }),
    metricsFrom: peers('Who may read metrics.').meta({ absent: 'every pod of the cluster' }),
    egressTo: peers(
      'What gateways may reach besides each other and DNS: Redis, Sentinels, the JWK Set.',
    ).meta({ absent: 'everything' }),
  },
  'Which connections to and from gateways are allowed, where the cluster’s network enforces it.',
);

export const metrics = group(
  {
    podMonitor: group(
      {
        enabled: z.boolean().default(true).meta({
          description: 'Whether Prometheus’ operator is told of the gateways, where it is there.',
        }),
        intervalSeconds: seconds([1, 3_600], 'How often the metrics are read.').default(30),
        labels: labels(
          'metrics.podMonitor.labels',
          'Labels of the PodMonitor, by which a Prometheus selects it.',
        ).optional(),
      },
      'The PodMonitor.',
    ),
  },
  'Who reads the gateways’ metrics.',
);
