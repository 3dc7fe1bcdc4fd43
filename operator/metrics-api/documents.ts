import { loadMetrics } from './load-metrics.ts';
import { type Document, GROUP } from './questions.ts';

/** What every server behind the API server says of itself. */

const groupVersion = `${GROUP.group}/${GROUP.version}`;
const version = { groupVersion, version: GROUP.version };
const group = { name: GROUP.group, versions: [version], preferredVersion: version };
const info = { title: 'WsCluster metrics', version: GROUP.version };

export const documents: Readonly<Record<Document, object>> = {
  groups: { kind: 'APIGroupList', apiVersion: 'v1', groups: [group] },
  group: { kind: 'APIGroup', apiVersion: 'v1', ...group },
  resources: {
    ...{ kind: 'APIResourceList', apiVersion: 'v1', groupVersion },
    resources: loadMetrics.map(({ name }) => ({
      ...{ name, singularName: '', namespaced: true },
      ...{ kind: 'ExternalMetricValueList', verbs: ['get'] },
    })),
  },
  // Nothing of it is ever written, so that nobody needs its schemas.
  'openapi-v2': { swagger: '2.0', info, paths: {} },
  'openapi-v3': { paths: {} },
};

/**
 * Whether somebody takes one of them. The API server asks for all groups in a newer form first,
 * and takes this one when it hears that there is no such.
 */
export const isTaken = (accept: string | undefined): boolean =>
  accept === undefined ||
  accept === '' ||
  accept.split(',').some((type) => {
    const [media = '', ...parameters] = type.split(';').map((part) => part.trim());
    const plain = media === 'application/json' || media === 'application/*' || media === '*/*';
    return plain && !parameters.some((parameter) => parameter.startsWith('as='));
  });
