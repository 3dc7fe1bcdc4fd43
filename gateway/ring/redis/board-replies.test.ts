import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { StoreUnknown } from '../../stream/log.ts';
import { beatReply, encodeFacts, encodeLoad, offerReply, podsReply } from './board-replies.ts';

const some = fc.oneof(
  fc.constantFrom('', '0', '-1', '17', '99999999999999999', 'a', '1 2 3 0 here {}', '{"weight":1}'),
  fc.string({ maxLength: 12 }),
);
const { reply } = fc.letrec<{ reply: unknown }>((tie) => ({
  reply: fc.oneof(
    { maxDepth: 3 },
    some.map((text) => Buffer.from(text)),
    fc.integer(),
    fc.constant(null),
    fc.array(tie('reply'), { maxLength: 12 }),
  ),
}));

const texts = (...values: readonly unknown[]): unknown[] =>
  values.map((value) => (Array.isArray(value) ? texts(...value) : Buffer.from(String(value))));

describe('answers of the board’s scripts', () => {
  it('are understood, or refused with what was not, whatever they are', () => {
    fc.assert(
      fc.property(reply, (value) => {
        for (const read of [(it: unknown) => beatReply(it, 'a'), offerReply, podsReply]) {
          try {
            read(value);
          } catch (error) {
            assert.ok(error instanceof StoreUnknown, String(error));
          }
        }
      }),
    );
  });

  it('hide no pod because of another one that says what nobody understands', () => {
    const load = { connections: 3, utilisation: 0.5, handovers: 4_096 };
    const facts = { weight: 5, zone: 'z', address: 'a:1', key: 'k' };
    const beats = [
      'a',
      `9 8 7 1 here ${encodeLoad(load)}`,
      'b',
      'nonsense',
      'c',
      '9 8 7 1 gone {}',
    ];
    const all = ['a', encodeFacts(facts), 'b', '{', 'c', '{"weight":"5"}', 'd', 'null'];
    const { lease, facts: told } = beatReply(
      texts(10, 5, 'a', 4, -1, -1, '', '', 'token', all, beats),
      'a',
    );
    assert.deepEqual(
      lease?.beats,
      new Map([['a', { at: 9, intervalMs: 8, upSince: 7, falls: 1, state: 'here', load }]]),
    );
    assert.deepEqual(told, { token: 'token', all: new Map([['a', facts]]) });
  });

  it('give a load that was not understood as none', () => {
    const { beats } = podsReply(texts(10, 5, [], ['a', '9 8 7 1 leaving []']));
    assert.deepEqual(beats.get('a')?.load, { connections: 0, utilisation: 0 });
  });
});
