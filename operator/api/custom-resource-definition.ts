import { createHash } from 'node:crypto';
import { wsClusterSpec } from './spec.ts';
import { wsClusterStatus } from './status.ts';
import { declared, type StructuralSchema, structural } from './structural-schema.ts';
import { columns, kind, objectRules, scale, versions } from './wscluster.ts';

/** The whole of a WsCluster, as each version has it. */
export function objectSchema(): StructuralSchema {
  return {
    description: kind.description,
    type: 'object',
    required: ['spec'],
    properties: {
      apiVersion: { type: 'string', description: 'Version of the schema of this object.' },
      kind: { type: 'string', description: 'WsCluster.' },
      metadata: { type: 'object' },
      spec: structural(declared(wsClusterSpec), 'spec'),
      status: structural(declared(wsClusterStatus), 'status'),
    },
    'x-kubernetes-validations': objectRules,
  };
}

/**
 * By this two definitions are known to be the same: the API server fills in defaults, so that what
 * was given cannot be compared with what is.
 */
export const DIGEST_ANNOTATION = `${kind.group}/definition`;

/** The CustomResourceDefinition, as it is given to an API server. */
export function customResourceDefinition() {
  const schema = objectSchema();
  const { group, listKind, plural, singular, shortNames, categories } = kind;
  const spec = {
    group,
    names: { kind: kind.kind, listKind, plural, singular, shortNames, categories },
    scope: 'Namespaced',
    conversion: { strategy: 'None' },
    versions: versions.served.map((name) => ({
      name,
      served: true,
      storage: name === versions.stored,
      subresources: { status: {}, scale },
      additionalPrinterColumns: columns,
      schema: { openAPIV3Schema: schema },
    })),
  };
  const digest = createHash('sha256').update(JSON.stringify(spec)).digest('hex').slice(0, 16);
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${group}`, annotations: { [DIGEST_ANNOTATION]: digest } },
    spec,
  };
}
