import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { StoreUnknown } from '../log.ts';
import { timeOf } from './redis-facts.ts';

describe("a server's clock", () => {
  const answering = (reply: unknown) => timeOf({ call: () => Promise.resolve(reply) });

  test('is read to the microsecond, as bytes or text', async () => {
    const [seconds, micros] = ['1700000000', '123456'];
    const ms = 1_700_000_000_123.456;
    assert.equal(await answering([Buffer.from(seconds), Buffer.from(micros)]), ms);
    assert.equal(await answering([seconds, micros]), ms);
  });

  test('is not taken from an answer that cannot be', async () => {
    for (const reply of [null, [], ['x', '1'], ['1700000000'], 'OK', ['-1', '0']]) {
      await assert.rejects(answering(reply), StoreUnknown, JSON.stringify(reply));
    }
  });
});
