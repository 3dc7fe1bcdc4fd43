import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Connection } from './connection.ts';
import { fromOneAddress } from './peers.ts';
import { Roster } from './roster.ts';

describe('the share of connections from one address', () => {
  const of = (count: number, peer: (n: number) => string | undefined) => {
    const roster = new Roster();
    for (let n = 0; n < count; n += 1) {
      roster.add({ index: -1, socket: { peer: peer(n) } } as Connection);
    }
    return fromOneAddress(roster);
  };

  it('is all of them behind one proxy, and next to nothing without any', () => {
    assert.equal(
      of(3, () => '10.0.0.1'),
      1,
    );
    assert.equal(
      of(400, (n) => `10.0.${n}.1`),
      1 / 400,
    );
    assert.equal(
      of(0, () => ''),
      0,
    );
  });

  it('is not that of those whose address nobody knows any more', () => {
    assert.equal(
      of(10, (n) => (n < 4 ? undefined : `${n % 2}`)),
      0.5,
    );
  });

  it('of very many is estimated from some of them, from all places of the list', () => {
    const share = of(25_001, (n) => (n < 15_000 ? 'proxy' : `${n}`));
    assert.ok(Math.abs(share - 0.6) < 0.01, `${share}`);
  });
});
