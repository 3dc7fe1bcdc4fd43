import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { Fields } from './fields.ts';
import { eventMembers } from './json-text.ts';
import * as limits from './limits.ts';
import { readEvent } from './read-event.ts';
import * as arbitrary from './testing/arbitrary.ts';

/** Whatever is there is read as one of the names, or as true or false. */
const FREE = ['type', 'data', 'code', 'error', 'reason', 'duplicate', 'stale'];

const members = (event: Parameters<typeof eventMembers>[0]) => eventMembers(event) as Fields;

describe('an event', () => {
  it('is read as it was written', () => {
    fc.assert(
      fc.property(arbitrary.event, (event) => {
        const data = event.type === 'msg' ? event.data : undefined;
        assert.deepEqual(readEvent(members(event), data), event);
      }),
      { numRuns: 1_000 },
    );
  });

  it('is wrong when any of its members is', () => {
    const wrong = fc.constantFrom(null, true, '', Number.NaN, 0.5, -1, {}, [null], [[]]);
    let refused = 0;
    fc.assert(
      fc.property(arbitrary.event, wrong, (event, value) => {
        const fields = members(event);
        for (const name of Object.keys(fields)) {
          if (FREE.includes(name)) continue;
          // Of numbers, only times may be anything.
          if (name === 'at' && Number.isFinite(value)) continue;
          refused += 1;
          assert.equal(readEvent({ ...fields, [name]: value }, 'data'), 'bad_frame', name);
        }
      }),
      { numRuns: 1_000 },
    );
    assert.ok(refused > 1_000, `${refused} refused`);
  });

  it('is wrong without what it must have', () => {
    const optional = ['id', 'identity', 'to', 'from', 'position', 'topic'];
    fc.assert(
      fc.property(arbitrary.event, (event) => {
        const fields = members(event);
        for (const name of Object.keys(fields)) {
          if (FREE.includes(name) || optional.includes(name)) continue;
          assert.equal(readEvent({ ...fields, [name]: undefined }, 'data'), 'bad_frame', name);
        }
      }),
    );
    assert.equal(readEvent({ type: 'subbed', topics: [{ topic: 't' }], id: 1 }, ''), 'bad_frame');
    const message = { type: 'msg', topic: 't', position: 'e:1@1', at: 1 };
    for (const name of ['topic', 'position']) {
      assert.equal(readEvent({ ...message, [name]: undefined }, 'data'), 'bad_frame', name);
    }
    assert.equal(readEvent(message, undefined), 'bad_frame');
  });

  it('has lists and texts up to their limits', () => {
    const tick = (count: number) => {
      const positions = Array.from({ length: count }, () => ({ topic: 't', position: 'e:1@1' }));
      return readEvent({ type: 'tick', at: 1, positions }, undefined);
    };
    assert.notEqual(tick(limits.topicsPerCommand), 'bad_frame');
    assert.equal(tick(limits.topicsPerCommand + 1), 'bad_frame');
    const move = (length: number) =>
      readEvent({ type: 'move', within: 0, reason: '', token: 'x'.repeat(length) }, undefined);
    assert.notEqual(move(1_024), 'bad_frame');
    assert.equal(move(1_025), 'bad_frame');
    assert.equal(readEvent({ type: 'subbed', id: 1, topics: [] }, undefined), 'bad_frame');
  });
});
