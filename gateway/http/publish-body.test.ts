import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { Refusal } from '../../protocol/refusal.ts';
import * as arbitrary from '../../protocol/testing/arbitrary.ts';
import { readPublish } from './publish-body.ts';
import { lone, messagesOf } from './shapes.ts';

const rules = { maxMessages: 5, idempotencyKey: undefined };
const accepts = (text: string): boolean => {
  try {
    readPublish(Buffer.from(text), rules);
    return true;
  } catch (error) {
    assert.ok(error instanceof Refusal, String(error));
    return false;
  }
};

/** Members that are right, wrong or missing. */
const wild = fc.record(
  {
    topic: fc.oneof(arbitrary.topic, fc.constantFrom('', 5, null)),
    data: fc.jsonValue({ maxDepth: 3 }),
    producer: fc.oneof(
      fc.record({ id: arbitrary.name, seq: arbitrary.requestId }),
      fc.record({ id: fc.constantFrom('', 'a b', 1), seq: fc.constantFrom(0, -1, 1.5, '1') }),
      fc.constantFrom(null, []),
    ),
    retry: fc.constantFrom(true, false, 1),
    ack: fc.constantFrom('leader', 'replicas', 'all', 1),
    other: fc.constant(1),
  },
  { requiredKeys: [] },
);

describe('the body of a publish', () => {
  it('is accepted exactly when it is of the documented form', () => {
    const body = fc.oneof(
      wild,
      fc.record({ messages: fc.array(wild, { maxLength: 6 }) }),
      fc
        .tuple(wild, fc.array(wild, { maxLength: 2 }))
        .map(([one, messages]) => ({ ...one, messages })),
      fc.jsonValue({ maxDepth: 2 }),
    );
    const many = messagesOf(rules.maxMessages);
    fc.assert(
      fc.property(body, (value) => {
        const text = JSON.stringify(value);
        const parsed: unknown = JSON.parse(text);
        // zod takes a member `data: undefined` for one that is there; JSON has no such thing.
        const hasData = (one: unknown) => typeof one === 'object' && one !== null && 'data' in one;
        const one = lone.safeParse(parsed).success && hasData(parsed);
        const list = many.safeParse(parsed);
        const several = list.success && list.data.messages.every(hasData);
        assert.equal(accepts(text), one !== several, text);
      }),
      { numRuns: 3_000 },
    );
  });

  it('is read or refused, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        try {
          readPublish(bytes, rules);
        } catch (error) {
          assert.ok(error instanceof Refusal, String(error));
        }
      }),
      { numRuns: 2_000 },
    );
  });

  it('keeps the data of each message byte for byte', () => {
    const texts = ['1e400', ' {"b":1,"a":[ ] } ', '"\\u0000"', '-0'];
    const items = texts.map((text, index) => `{"data":${text},"topic":"t${index}"}`);
    const body = Buffer.from(`{ "messages" : [ ${items.join(' , ')} ] }`);
    const { messages } = readPublish(body, rules);
    const data = messages.map((one) => Buffer.from(one.data.bytes).toString());
    assert.deepEqual(
      data,
      texts.map((text) => text.trim()),
    );
    assert.deepEqual(
      messages.map(({ topic }) => topic),
      ['t0', 't1', 't2', 't3'],
    );
  });
});
