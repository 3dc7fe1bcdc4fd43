import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { membersOf } from './members.ts';
import { gatewayView, NOW } from './testing/gateway-views.ts';

const looked = (
  known: readonly string[] = [],
  wallMs = NOW,
  newcomers: readonly string[] = [],
) => ({
  ...{ known: new Set(known), newcomers: new Set(newcomers), wallMs },
});
const idsOf = (is: Parameters<typeof gatewayView>[1], known = ['a'], wallMs = NOW) =>
  membersOf([gatewayView('a', is)], looked(known, wallMs)).map(({ id }) => id);

describe('the members of the ring', () => {
  it('are the gateways that are ready, with zone and address', () => {
    const [v4, v6] = membersOf(
      [gatewayView('a', { zone: 'z' }), gatewayView('b', { ip: 'fd00::7' })],
      looked(),
    );
    assert.deepEqual(v4, { id: 'a', weight: 100, zone: 'z', address: '10.0.0.1:8001' });
    assert.equal(v6?.address, '[fd00::7]:8001');
  });

  it('go at once when they leave, and after a while when they are not ready', () => {
    assert.deepEqual(idsOf({ phase: 'leaving' }), []);
    assert.deepEqual(idsOf({ phase: 'over' }), []);
    assert.deepEqual(idsOf({ ready: false }, ['a'], NOW + 29_999), ['a']);
    assert.deepEqual(idsOf({ ready: false }, ['a'], NOW + 30_000), []);
  });

  it('are not those that cannot be relied on yet, unless they are in it', () => {
    const { uid } = gatewayView('a');
    const ids = (known: readonly string[]) =>
      membersOf([gatewayView('a')], looked(known, NOW, [uid])).map(({ id }) => id);
    assert.deepEqual([ids(['b']), ids(['a']), ids([])], [[], ['a'], ['a']]);
  });

  it('are not those that never were ready, or have no address', () => {
    assert.deepEqual(idsOf({ ready: false }, []), []);
    assert.deepEqual(idsOf({ phase: 'waiting' }), []);
    assert.deepEqual(idsOf({ ip: undefined }), []);
  });
});
