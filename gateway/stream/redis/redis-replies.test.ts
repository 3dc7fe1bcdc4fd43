import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { ReplyError } from 'ioredis';
import { isEpoch } from '../../../protocol/position.ts';
import { StoreUnknown } from '../log.ts';
import {
  decodeBlob,
  decodeEntry,
  decodePodMessage,
  decodeTopicMessage,
  encodeBlob,
} from './entry-codec.ts';
import { decodeName, encodeName, redisKeys } from './keys.ts';
import { judge } from './redis-errors.ts';
import { probeReply, publishOutcomes, resumeReply, sessionReply } from './redis-replies.ts';

const buffer = fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes));
/** Near to what the scripts answer, so that the judges are reached. */
const word = fc.constantFrom(
  ...['topic', 'unborn', 'E1', 'w-x', '1', '0', '17', 'E1 1 5', 'w', 'x OOM', 'd E1 1 5', 'E1:1@5'],
  ...['d', 'E1 5', '1-0', '-1', 'a:1:1;b', 't:dA', '99999999999999999', 'e E1 1 5\n\0\0x'],
);
const scalar = fc.oneof(
  buffer,
  word.map((text) => Buffer.from(text)),
  fc.integer(),
  fc.constant(null),
);
const reply = fc.oneof(scalar, fc.array(fc.oneof(scalar, fc.array(scalar)), { maxLength: 16 }));

/** The value, or undefined when it was refused in the one way that is allowed. */
function judged<T>(judge: () => T): T | undefined {
  try {
    return judge();
  } catch (error) {
    assert.ok(error instanceof StoreUnknown, `${error}`);
    return undefined;
  }
}

describe('Whatever Redis answers', () => {
  test('a publish has one outcome per draft, or a StoreUnknown', () => {
    fc.assert(
      fc.property(reply, fc.integer({ min: 1, max: 4 }), (value, drafts) => {
        const published = judged(() => publishOutcomes(value, drafts));
        if (published === undefined) return;
        assert.equal(published.outcomes.length, drafts);
        for (const outcome of published.outcomes) {
          if (outcome.outcome !== 'ok') continue;
          assert.ok(isEpoch(outcome.position.epoch));
          assert.ok(Number.isSafeInteger(outcome.position.seq));
        }
      }),
      { numRuns: 2_000 },
    );
  });

  test('the others are of their types, or a StoreUnknown', () => {
    fc.assert(
      fc.property(reply, (value) => {
        const resumed = judged(() => resumeReply(value));
        if (resumed?.type === 'topic') assert.ok(isEpoch(resumed.history.epoch));
        const probe = judged(() => probeReply(value));
        if (probe !== undefined) assert.ok(Number.isSafeInteger(probe.probe.second));
        const session = judged(() => sessionReply(value));
        if (session !== undefined) assert.ok(session.generation >= 0);
      }),
      { numRuns: 2_000 },
    );
  });

  test('a message is decoded or undefined, never an exception', () => {
    const message = fc.oneof(
      buffer,
      word.map((text) => Buffer.from(text)),
    );
    fc.assert(
      fc.property(message, (one) => {
        const heard = decodeTopicMessage(one);
        if (heard?.type === 'entries') assert.ok(heard.entries.length > 0);
        decodePodMessage(one);
        const entry = decodeEntry(one);
        if (entry !== undefined) assert.ok(isEpoch(entry.epoch) && entry.seq >= 0);
      }),
      { numRuns: 2_000 },
    );
  });

  test('lengths that do not add up make a batch no batch', () => {
    const [one, other] = ['e E1 4 1000\n\0\0xx', 'e E1 5 1000\n\0\0y'];
    const batch = (lengths: string) => Buffer.from(`b ${lengths}\n${one}${other}`);
    assert.equal(decodeTopicMessage(batch('16,15'))?.type, 'entries');
    for (const wrong of ['16', '16,16', '15,15', '15,16', '31,0', '', 'x']) {
      assert.equal(decodeTopicMessage(batch(wrong)), undefined, wrong);
    }
  });
});

describe('Keys and blobs', () => {
  test('what was encoded is decoded, for any data, encoding and id', () => {
    const producer = fc.option(
      fc.record({ id: fc.stringMatching(/^[\w-]{1,64}$/), seq: fc.maxSafeNat() }),
      { nil: undefined },
    );
    const data = fc.record({
      encoding: fc.constantFrom('json' as const, 'msgpack' as const),
      bytes: fc.uint8Array({ minLength: 1 }),
    });
    fc.assert(
      fc.property(producer, data, (who, payload) => {
        const draft = { identity: 'i', data: payload, ...(who && { producer: who }) };
        const decoded = decodeBlob(encodeBlob(draft));
        assert.equal(decoded?.id, who && `${who.id}:${who.seq}`);
        assert.equal(decoded?.data.encoding, payload.encoding);
        assert.deepEqual(new Uint8Array(decoded?.data.bytes ?? []), payload.bytes);
      }),
    );
  });

  test('any topic is one key, reversible, in the slot of its partition', () => {
    const keys = redisKeys('p');
    fc.assert(
      fc.property(fc.string({ unit: 'binary', minLength: 1, maxLength: 64 }), (topic) => {
        assert.equal(decodeName(encodeName(topic)), topic.toWellFormed());
        for (const key of [keys.log(topic), keys.meta(topic), ...keys.answers(topic)]) {
          assert.match(key, /^p:\{0\}:\w+:[\w-]+$/);
        }
      }),
    );
  });

  test('no two kinds of key can be the same, whatever the names are', () => {
    const keys = redisKeys('p');
    const all = [
      ...keys.partition,
      ...[keys.log('t'), keys.meta('t'), ...keys.answers('t')],
      keys.session({ identity: 't', session: 't' }),
      keys.sessions('t'),
    ];
    assert.equal(new Set(all).size, all.length);
  });
});

describe('An error of Redis', () => {
  const kindOf = (message: string) => {
    const verdict = judge(new ReplyError(message));
    return verdict.kind === 'failed' && verdict.outcome.outcome === 'failed'
      ? verdict.outcome.code
      : verdict.kind;
  };

  test('means the same however the version words it', () => {
    const raised = 'ERR Error running script (call to f_ab): @user_script:12: @user_script: 12: -';
    for (const prefix of ['', '@user_script: 12: -', raised]) {
      assert.equal(kindOf(`${prefix}OOM command not allowed`), 'store_full');
      assert.equal(kindOf(`${prefix}NOREPLICAS Not enough good replicas`), 'not_replicated');
      assert.equal(kindOf(`${prefix}WRONGTYPE Operation against a key`), 'internal');
      for (const word of ['READONLY', 'LOADING', 'MASTERDOWN', 'MISCONF', 'BUSY', 'NOPERM']) {
        assert.equal(kindOf(`${prefix}${word} some text`), 'down', word);
      }
    }
    assert.equal(kindOf('NOSCRIPT No matching script'), 'noscript');
  });

  test('that nobody knows is unknown, never “not written”', () => {
    assert.equal(kindOf('ERR something new'), 'unknown');
    assert.equal(kindOf('ERR it said READONLY in the middle'), 'unknown');
    assert.equal(judge(new Error('socket closed')).kind, 'unknown');
    assert.equal(judge('not even an error').kind, 'unknown');
  });
});
