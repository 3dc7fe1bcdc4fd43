import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { PlacementKey } from '../placement.ts';
import { likelyKey } from './likely-key.ts';

const jwt = (claims: unknown) =>
  `e30.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.c2ln`;
const said = { request: undefined, token: undefined, session: undefined, mayName: false };
const sub: PlacementKey = { from: 'sub', name: '' };
const claim: PlacementKey = { from: 'claim', name: 'room' };
const query: PlacementKey = { from: 'query', name: 'room' };

describe('the key of a client that nobody has verified', () => {
  it('is read from its token, its request, or the session that it may name', () => {
    const token = jwt({ sub: 'alice', room: 7 });
    const named = { ...said, session: 's' };
    assert.equal(likelyKey(sub, { ...named, token }), 'alice');
    assert.equal(likelyKey(claim, { ...named, token }), '7');
    assert.equal(likelyKey(claim, { ...named, token: jwt({ sub: 'alice' }) }), 's');
    assert.equal(likelyKey(query, { ...named, token, request: 'r' }), 'r');
    assert.equal(likelyKey(query, { ...named, token }), 's');
  });

  it('is no session that belongs to nobody: such a client gets one that is at home', () => {
    const named = { ...said, session: 's' };
    assert.equal(likelyKey(sub, named), undefined);
    assert.equal(likelyKey(sub, { ...named, mayName: true }), 's');
    assert.equal(likelyKey(query, { ...named, request: '' }), undefined);
  });

  it('is nothing of a token that is none', () => {
    const property = fc.property(fc.string(), fc.json(), (text, json) => {
      const odd = `.${Buffer.from(json).toString('base64url')}.`;
      for (const token of [text, odd]) {
        const key = likelyKey(sub, { ...said, token });
        assert.ok(key === undefined || key.length <= 256);
      }
    });
    fc.assert(property);
    assert.equal(likelyKey(sub, { ...said, token: jwt({ sub: 'x'.repeat(257) }) }), undefined);
    assert.equal(likelyKey(sub, { ...said, token: jwt({ sub: ['a'] }) }), undefined);
    const long = jwt({ sub: 'alice', more: 'x'.repeat(8_192) });
    assert.equal(likelyKey(sub, { ...said, token: long }), undefined);
  });
});
