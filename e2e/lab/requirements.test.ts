import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hostProblem } from './requirements.ts';

test('a host that can have no lab is told what it lacks, in one line', () => {
  const go = 'go version go1.26.8 linux/amd64\n';
  const able = { platform: 'linux', uid: 0, go: () => go };
  assert.equal(hostProblem(able), undefined);
  assert.match(hostProblem({ ...able, platform: 'darwin' }) ?? '', /needs Linux.*darwin/);
  assert.match(hostProblem({ ...able, uid: 1000 }) ?? '', /needs root/);
  assert.match(hostProblem({ ...able, go: () => undefined }) ?? '', /needs Go.*none/);
  const old = 'go version go1.19.8 linux/amd64';
  assert.match(hostProblem({ ...able, go: () => old }) ?? '', /needs Go 1\.21.*this is.*1\.19/);
});
