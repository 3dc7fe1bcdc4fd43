import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { pack } from 'msgpackr';
import * as limits from './limits.ts';
import { scanMap } from './msgpack-scan.ts';

const OVER = { name: 'MsgpackProblem', message: `more than ${limits.values} values` };

/** A map with one member, a list of so many lists that hold a number each. */
const frame = (name: string, lists: number) =>
  pack({ [name]: Array.from({ length: lists }, () => [1]) });
/** The name and the list are two more values. */
const MOST = (limits.values - 2) / 2;

/** Calls with these bytes. Returns how often one of them was looked at. */
function reads(bytes: Uint8Array, call: (bytes: Uint8Array) => void): number {
  let count = 0;
  const counting = new Proxy(bytes, {
    get: (target, name) => {
      if (typeof name === 'string' && /^\d+$/.test(name)) count += 1;
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
  call(counting);
  return count;
}

describe('the values of a msgpack frame', () => {
  it('are counted, those in data not', () => {
    assert.deepEqual([...scanMap(frame('later', MOST), limits.depth).keys()], ['later']);
    assert.throws(() => scanMap(frame('later', MOST + 1), limits.depth), OVER);
    assert.deepEqual([...scanMap(frame('data', 2 * MOST), limits.depth).keys()], ['data']);
  });

  it('are counted over all members, also behind data', () => {
    const two = { one: Array(MOST).fill(1), data: [1], other: Array(MOST + 5).fill(1) };
    assert.throws(() => scanMap(pack(two), limits.depth), OVER);
  });

  it('cost no work beyond the last that is allowed', () => {
    const scan = (bytes: Uint8Array) => assert.throws(() => scanMap(bytes, limits.depth), OVER);
    const least = reads(frame('later', MOST + 1), scan);
    assert.ok(least > limits.values, `${least} reads`);
    assert.ok(reads(frame('later', 20 * MOST), scan) < least + 10);
  });
});
