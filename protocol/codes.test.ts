import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { afterClose, closeCodes, errorCodes } from './codes.ts';

describe('codes', () => {
  const all = Object.values(closeCodes);

  it('gives each close code one number and one name', () => {
    assert.equal(new Set(all.map((code) => code.code)).size, all.length);
    assert.equal(new Set(all.map((code) => code.name)).size, all.length);
  });

  it('keeps the promise of the ranges: 4000–4499 come back, 4500–4999 stay away', () => {
    for (const { code, then } of all) {
      if (code >= 4000 && code <= 4499) assert.notEqual(then, 'stay-away', String(code));
      if (code >= 4500) assert.equal(then, 'stay-away', String(code));
    }
    assert.equal(afterClose(4321), 'come-back');
    assert.equal(afterClose(4877), 'stay-away');
    assert.equal(afterClose(1006), 'come-back');
    assert.equal(afterClose(2999), 'come-back');
  });

  it('gives each error an HTTP status that tells whether trying again can help', () => {
    for (const [name, { status, retry }] of Object.entries(errorCodes)) {
      assert.ok(status >= 400 && status < 600, name);
      if (retry) assert.ok(status >= 429, name);
    }
  });
});
