import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isKubeObject } from './objects.ts';

test('an object is what has metadata that can be read', () => {
  assert.equal(isKubeObject({ metadata: { name: 'a', resourceVersion: '1' }, spec: {} }), true);
  assert.equal(isKubeObject({ metadata: {} }), true);
  const others = [null, 1, [], {}, { metadata: null }, { metadata: { name: 1 } }];
  for (const other of others) assert.equal(isKubeObject(other), false);
});
