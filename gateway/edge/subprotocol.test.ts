import assert from 'node:assert/strict';
import { it } from 'node:test';
import * as limits from '../../protocol/limits.ts';
import { chooseSubprotocol, tokenOf } from './subprotocol.ts';

it('chooses the first entry that it speaks and never one with a token', () => {
  assert.equal(chooseSubprotocol(['wscluster.v1']), 'wscluster.v1');
  assert.equal(
    chooseSubprotocol(['x', 'wscluster.v1.msgpack', 'wscluster.v1']),
    'wscluster.v1.msgpack',
  );
  assert.equal(chooseSubprotocol(['bearer.abc', 'WSCLUSTER.V1', 'wscluster.v2']), undefined);
  assert.equal(chooseSubprotocol([]), undefined);
});

it('takes the token of Authorization before that of a subprotocol', () => {
  assert.equal(tokenOf('Bearer a.b.c', 'wscluster.v1, bearer.x'), 'a.b.c');
  assert.equal(tokenOf('bearer   a.b.c', undefined), 'a.b.c');
  assert.equal(tokenOf(undefined, 'bearer.x, wscluster.v1'), 'x');
  assert.equal(tokenOf('Basic abc', 'wscluster.v1,bearer.x'), 'x');
  assert.equal(tokenOf(undefined, 'wscluster.v1'), undefined);
  assert.equal(tokenOf(undefined, undefined), undefined);
});

it('does not take a token from an entry that stands alone', () => {
  assert.equal(tokenOf(undefined, 'bearer.x'), undefined);
  assert.equal(tokenOf(undefined, 'bearer.x, chat'), undefined);
});

it('does not carry a token on that is too long to be one', () => {
  const long = 'x'.repeat(limits.tokenBytes + 1);
  assert.ok((tokenOf(`Bearer ${long}`, undefined) ?? '').length < 100);
  assert.ok((tokenOf(undefined, `wscluster.v1, bearer.${long}`) ?? '').length < 100);
});
