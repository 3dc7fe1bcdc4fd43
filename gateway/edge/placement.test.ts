import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { shardOf } from '../../protocol/ring.ts';
import {
  claimOf,
  isPlacedBySession,
  keyOfRequest,
  type PlacementKey,
  placementKey,
  shardOfClient,
  urlWithKey,
} from './placement.ts';
import { everything } from './testing/edge-fixture.ts';

const request = (url: string, headers: Record<string, string> = {}) => ({ url, headers });

describe('the key of a client', () => {
  it('is what the settings say, whatever stands in the name', () => {
    assert.deepEqual(placementKey('sub'), { from: 'sub', name: '' });
    assert.deepEqual(placementKey('query:room'), { from: 'query', name: 'room' });
    assert.deepEqual(placementKey('header:X-Room'), { from: 'header', name: 'x-room' });
    assert.equal(claimOf('claim:https://example.com/room'), 'https://example.com/room');
    assert.equal(claimOf('sub'), undefined);
    assert.equal(claimOf('query:claim'), undefined);
  });

  it('is read from the request where it stands there, and bounded', () => {
    const room = placementKey('query:room');
    assert.equal(keyOfRequest(request('/ws?a=1&room=caf%C3%A9+1'), room), 'café 1');
    assert.equal(keyOfRequest(request('/ws'), room), undefined);
    assert.equal(keyOfRequest(request('/ws?other=1'), room), '');
    const header = placementKey('header:X-Room');
    assert.equal(keyOfRequest(request('/ws', { 'x-room': 'r' }), header), 'r');
    assert.equal(
      keyOfRequest(request('/ws', { 'x-room': 'r'.repeat(9_000) }), header)?.length,
      1_024,
    );
    assert.equal(keyOfRequest(request('/ws?sub=x', { sub: 'x' }), placementKey('sub')), undefined);
  });

  it('goes along to another gateway in the query of the URL, if it stood there', () => {
    const room = placementKey('query:room');
    assert.equal(
      urlWithKey('wss://b.example.com/ws', room, 'café 1&x'),
      'wss://b.example.com/ws?room=caf%C3%A9+1%26x',
    );
    assert.equal(
      urlWithKey('wss://b.example.com/ws?v=1', room, 'r'),
      'wss://b.example.com/ws?v=1&room=r',
    );
    for (const key of ['', undefined])
      assert.equal(urlWithKey('ws://b/ws', room, key), 'ws://b/ws');
    assert.equal(urlWithKey('ws://b/ws', placementKey('header:X-Room'), 'r'), 'ws://b/ws');
    assert.equal(urlWithKey('ws://b:99999/ws', room, 'r'), 'ws://b:99999/ws');
  });

  it('places a client, and its session does where there is none', () => {
    const alice = { ...everything, name: 'alice', key: 'room-1' };
    const shard = (key: PlacementKey, of: string | undefined, identity = alice) =>
      shardOfClient(key, { request: of, identity, session: 's' });
    assert.equal(shard(placementKey('sub'), 'r'), shardOf('alice'));
    assert.equal(shard(placementKey('claim:room'), 'r'), shardOf('room-1'));
    assert.equal(shard(placementKey('query:room'), 'r'), shardOf('r'));
    for (const none of [undefined, '']) {
      assert.equal(shard(placementKey('query:room'), none), shardOf('s'));
      const client = { request: none, identity: alice };
      assert.equal(isPlacedBySession(placementKey('query:room'), client), true);
    }
    assert.equal(
      shardOfClient(placementKey('sub'), { request: 'r', identity: everything, session: 's' }),
      shardOf('s'),
    );
  });
});
