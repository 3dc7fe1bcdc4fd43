import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isConflict } from './kube-error.ts';
import { remove } from './remove.ts';
import type { Resource } from './resource.ts';
import { StandInApi } from './testing/stand-in-api.ts';

const pods: Resource = {
  ...{ group: '', version: 'v1', plural: 'pods', kind: 'Pod', namespaced: true },
};
const PATH = '/api/v1/namespaces/ns/pods/p';

test('deletes the object that is meant, and no other', async () => {
  const server = new StandInApi();
  const { signal } = new AbortController();
  const object = server.put(PATH, {});
  const removal = { resource: pods, object, signal };
  server.put(PATH, { written: 'since' });
  await assert.rejects(remove(server, { ...removal, asObserved: true }), isConflict);
  assert.equal(await remove(server, removal), 'deleted');
  assert.equal(await remove(server, removal), 'gone');
  server.put(PATH, {});
  assert.equal(await remove(server, removal), 'gone');
  assert.ok(server.get(PATH) !== undefined, 'another object of that name');
  const unseen = { ...removal, object: { metadata: { namespace: 'ns', name: 'p' } } };
  await assert.rejects(remove(server, unseen), TypeError);
});
