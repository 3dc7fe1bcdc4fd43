import assert from 'node:assert/strict';
import { it } from 'node:test';
import { minimal, stored } from './api/testing/samples.ts';
import type { WsCluster } from './api/wscluster.ts';
import type { ObjectReader } from './kube/object-cache.ts';
import type { KubeObject } from './kube/objects.ts';
import { meteredClusterOf } from './metered-cluster.ts';
import type { Copies } from './reconcile/copies.ts';
import { type ChildKind, childKinds } from './reconcile/resources.ts';

const NOW = Date.parse('2026-01-01T00:10:00Z');
const labels = { 'wscluster.io/cluster': 'chat' };
const cluster = stored(minimal);
const namespace = cluster.metadata.namespace;

const owned = (name: string, owner: { readonly kind: string; readonly uid: string }) => ({
  ...{ name, namespace, labels, uid: name },
  ownerReferences: [{ apiVersion: 'v1', name: 'x', controller: true, ...owner }],
});

function pod(name: string, status: object = {}, deletionTimestamp?: string): KubeObject {
  const metadata = owned(name, { kind: 'ReplicaSet', uid: 'rs' });
  const deleted = deletionTimestamp === undefined ? {} : { deletionTimestamp };
  const up = { started: true, state: { running: {} } };
  const ready = { type: 'Ready', status: 'True' };
  const running = { phase: 'Running', podIP: '10.0.0.1', containerStatuses: [up] };
  const object = {
    metadata: { ...metadata, ...deleted },
    status: { ...running, conditions: [ready], ...status },
  };
  return object;
}

const of = <T extends KubeObject>(objects: readonly KubeObject[]): ObjectReader<T> => ({
  get: () => undefined,
  list: () => [...objects] as T[],
});

function copiesOf(pods: readonly KubeObject[]): Copies {
  const deployment = { metadata: owned('d', { kind: 'WsCluster', uid: cluster.metadata.uid }) };
  const replicaSet = { metadata: owned('rs', { kind: 'Deployment', uid: 'd' }) };
  const clusters: ObjectReader<WsCluster> = {
    get: (key) => (key === `${namespace}/chat` ? cluster : undefined),
    list: () => [cluster],
  };
  const kinds = Object.keys(childKinds) as ChildKind[];
  const none = kinds.map((kind) => [kind, kind === 'deployments' ? of([deployment]) : of([])]);
  const children = Object.fromEntries(none) as Copies['children'];
  return { clusters, pods: of(pods), replicaSets: of([replicaSet]), children };
}

const found = (...pods: readonly KubeObject[]) =>
  meteredClusterOf({ copies: copiesOf(pods), ageMs: 5 }, `${namespace}/chat`, NOW);

it('pods count that somebody may be connected to; those that Kubernetes gave up are lost', () => {
  assert.equal(meteredClusterOf({ copies: copiesOf([]), ageMs: 5 }, 'a/b', NOW), undefined);
  const taint = { type: 'DisruptionTarget', status: 'True', reason: 'DeletionByTaintManager' };
  const waiting = { containerStatuses: [{ state: { waiting: {} } }] };
  const starting = { containerStatuses: [{ started: false, state: { running: {} } }] };
  const [soon, past] = ['2026-01-01T00:10:30Z', '2026-01-01T00:09:59Z'];
  const { pods = [], ageMs } =
    found(
      pod('serves'),
      pod('unready', { conditions: [{ type: 'Ready', status: 'False' }] }),
      pod('waits', waiting),
      pod('starts', starting),
      pod('ended', { phase: 'Failed', containerStatuses: [] }),
      pod('leaves', {}, soon),
      pod('overdue', {}, past),
      pod('node-lost', { conditions: [taint] }, soon),
    ) ?? {};
  assert.equal(ageMs, 5);
  assert.deepEqual(
    pods.map(({ name, serves, lost }) => [name, serves, lost]),
    [
      ['serves', true, false],
      ['unready', false, false],
      ['leaves', false, false],
      ['overdue', false, true],
      ['node-lost', false, true],
    ],
  );
});
