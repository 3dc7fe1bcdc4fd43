import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hostProblem } from './requirements.ts';

test('a host that can have no lab is told what it lacks, in one line', () => {
  const able = { platform: 'linux', uid: 0, has: () => true };
  assert.equal(hostProblem(able), undefined);
  assert.match(hostProblem({ ...able, platform: 'darwin' }) ?? '', /needs Linux.*darwin/);
  assert.match(hostProblem({ ...able, uid: 1000 }) ?? '', /needs root/);
  assert.match(hostProblem({ ...able, has: (name) => name !== 'go' }) ?? '', /needs Go/);
});
