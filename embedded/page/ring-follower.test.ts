import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { firstRing, nextRing, type Ring } from '../../protocol/ring.ts';
import { encodeRing, ringDigest } from '../../protocol/ring-document.ts';
import { RingFollower, versionText } from './ring-follower.ts';

const members = (...ids: readonly number[]) =>
  ids.map((id) => ({ id: `gateway-${id}`, weight: 1, zone: '', address: 'a:1' }));
const first = firstRing(
  { cluster: 'chat', version: { generation: 1, counter: 1 } },
  members(1, 2, 3),
);
const second = nextRing(first, members(1, 3, 4), { generation: 2, counter: 1 });

const stampOf = (ring: Ring) => ({ ...ring.version, digest: ringDigest(encodeRing(ring)) });

function following() {
  const shown: string[] = [];
  const said: string[] = [];
  let inForce: Ring | undefined;
  let asked = 0;
  const follower = new RingFollower({
    bring: async () => {
      asked += 1;
      return inForce && encodeRing(inForce);
    },
    onRing: (ring) => shown.push(versionText(ring)),
    onChange: (text) => said.push(text),
  });
  return {
    ...{ shown, said, asked: () => asked },
    see: (ring: Ring, { had = true } = {}) => {
      inForce = had ? ring : undefined;
      return follower.follow(stampOf(ring));
    },
    seeNone: () => follower.follow(undefined),
  };
}

describe('what follows the ring', () => {
  it('brings each ring once, and says what became of the one before', async () => {
    const { see, shown, said, asked } = following();
    for (const ring of [first, first, second, second]) await see(ring);
    assert.deepEqual([shown, asked()], [['1.1', '2.1'], 2]);
    assert.deepEqual(said, [
      'Ring 2.1: gateway-4 is in, gateway-2 is out, 5,461 shards (33\u00a0%) moved.',
    ]);
  });

  it('asks again for what could not be had', async () => {
    const { see, seeNone, shown } = following();
    await seeNone();
    await see(first, { had: false });
    assert.deepEqual(shown, []);
    await see(first);
    assert.deepEqual(shown, ['1.1']);
  });
});
