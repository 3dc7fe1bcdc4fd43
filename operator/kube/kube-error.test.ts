import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isAlreadyExists, isConflict, isGone, isNotFound, refused } from './kube-error.ts';

test('what is expected every day can be told apart', () => {
  const kinds = [
    { code: 404, reason: 'NotFound', is: isNotFound },
    { code: 409, reason: 'Conflict', is: isConflict },
    { code: 409, reason: 'AlreadyExists', is: isAlreadyExists },
    { code: 410, reason: 'Gone', is: isGone },
    { code: 410, reason: 'Expired', is: isGone },
  ];
  for (const { code, reason, is } of kinds) {
    const error = refused({ code, what: 'GET /', status: { reason }, wallMs: 0 });
    const holding = [isNotFound, isConflict, isAlreadyExists, isGone].filter((one) => one(error));
    assert.deepEqual(holding, [is], reason);
    assert.equal(error.verdict, 'expected');
    assert.equal(is(new Error(reason)), false);
  }
});
