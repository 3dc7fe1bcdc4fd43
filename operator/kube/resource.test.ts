import assert from 'node:assert/strict';
import { test } from 'node:test';
import { apiVersionOf, pathOf, type Resource, selectorOf, withQuery } from './resource.ts';

const pods: Resource = {
  ...{ group: '', version: 'v1', plural: 'pods', kind: 'Pod', namespaced: true },
};
const clusters: Resource = {
  ...{ group: 'wscluster.io', version: 'v1alpha1', plural: 'wsclusters', kind: 'WsCluster' },
  namespaced: true,
};
const nodes: Resource = { ...pods, plural: 'nodes', kind: 'Node', namespaced: false };

test('paths of built-in and custom kinds, of one, of a namespace, of all', () => {
  assert.equal(pathOf(pods), '/api/v1/pods');
  assert.equal(pathOf(pods, { namespace: 'a' }), '/api/v1/namespaces/a/pods');
  const place = { namespace: 'a', name: 'b', subresource: 'status' };
  const all = '/apis/wscluster.io/v1alpha1';
  assert.equal(pathOf(clusters), `${all}/wsclusters`);
  assert.equal(pathOf(clusters, place), `${all}/namespaces/a/wsclusters/b/status`);
  assert.equal(pathOf(nodes, { name: 'n' }), '/api/v1/nodes/n');
  assert.deepEqual([pods, clusters].map(apiVersionOf), ['v1', 'wscluster.io/v1alpha1']);
});

test('a name that would lead elsewhere is refused', () => {
  for (const name of ['', '.', '..', 'a/b', '../../secrets']) {
    assert.throws(() => pathOf(pods, { namespace: 'a', name }), TypeError);
    assert.throws(() => pathOf(pods, { namespace: name }), TypeError);
  }
  assert.equal(pathOf(pods, { namespace: 'a', name: 'b?c' }), '/api/v1/namespaces/a/pods/b%3Fc');
  assert.throws(() => pathOf(pods, { name: 'b' }), /in which namespace/);
  assert.throws(() => pathOf(nodes, { namespace: 'a' }), /in no namespace/);
  assert.throws(() => pathOf(pods, { namespace: 'a', subresource: 'status' }), /of which/);
});

test('queries and selectors', () => {
  const query = { labelSelector: selectorOf({ app: 'x', tier: 'y' }), limit: 5, watch: undefined };
  assert.equal(withQuery('/p', query), '/p?labelSelector=app%3Dx%2Ctier%3Dy&limit=5');
  assert.equal(withQuery('/p', {}), '/p');
});
