import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { jsonCodec } from './json.ts';
import { commandText, eventFromText } from './json-text.ts';
import * as limits from './limits.ts';

const decode = (text: string) => jsonCodec.decodeCommand(new TextEncoder().encode(text));

function refusal(text: string) {
  const outcome = decode(text);
  assert.equal(outcome.ok, false, `accepted: ${text.slice(0, 80)}`);
  return outcome.ok ? { code: '', message: '', id: 0 } : outcome;
}

describe('JSON commands', () => {
  it('keeps the bytes of data as the publisher wrote them', () => {
    for (const data of ['1e400', '{"b":1, "a" : [ 2 ]}', '"\\ud800"', '12345678901234567890']) {
      const outcome = decode(`{"type":"pub","id":1,"topic":"t","data": ${data} }`);
      assert.ok(outcome.ok && outcome.value.type === 'pub');
      assert.equal(new TextDecoder().decode(outcome.value.data.bytes), data);
    }
  });

  it('finds data wherever it stands, and brackets inside strings do not mislead it', () => {
    const data = '{"x":"}]\\"{[","y":{}}';
    const outcome = decode(`{"data":${data},"type":"pub","topic":"a]}\\u0022","id":7}`);
    assert.ok(outcome.ok && outcome.value.type === 'pub');
    assert.equal(new TextDecoder().decode(outcome.value.data.bytes), data);
    assert.equal(outcome.value.topic, 'a]}"');
  });

  it('ignores unknown members, and names an unknown command with its request', () => {
    const known = decode('{"type":"ping","at":5,"later":{"x":1}}');
    assert.deepEqual(known, { ok: true, value: { type: 'ping', at: 5 } });
    const unknown = refusal('{"type":"dance","id":9}');
    assert.deepEqual([unknown.code, unknown.id], ['unknown_command', 9]);
  });

  const refused: readonly (readonly [string, string, string])[] = [
    ['', 'bad_frame', 'one JSON object'],
    ['[]', 'bad_frame', 'one JSON object'],
    ['{"type":"ping","at":1}x', 'bad_frame', 'not JSON'],
    ['{"type":"ping","type":"pub","at":1}', 'bad_frame', 'twice'],
    ['{"t\\u0079pe":"ping","at":1}', 'bad_frame', 'escapes'],
    ['{"type":"ping","at":"1"}', 'bad_request', 'at: a number, not "1"'],
    ['{"type":"ping","at":1e400}', 'bad_request', 'at: a number'],
    ['{"type":"unsub","id":0,"topics":["a"]}', 'bad_request', 'id: a whole number from 1, not 0'],
    ['{"type":"unsub","id":1.5,"topics":["a"]}', 'bad_request', 'id: a whole number'],
    ['{"type":"unsub","id":9007199254740993,"topics":["a"]}', 'bad_request', 'id:'],
    ['{"type":"sub","id":1,"topics":[]}', 'bad_request', 'topics: a list of 1 to'],
    ['{"type":"sub","id":1,"topics":["a","\\u0000"]}', 'bad_topic', 'topics[1]'],
    ['{"type":"sub","id":1,"topics":["$x"]}', 'bad_topic', 'reserved'],
    ['{"type":"sub","id":1,"topics":["\\ud800"]}', 'bad_topic', 'well-formed'],
    ['{"type":"sub","id":1,"topics":[{"topic":"a","position":"x"}]}', 'bad_position', 'position'],
    ['{"type":"pub","id":1,"topic":"a"}', 'bad_request', 'data'],
    ['{"type":"pub","id":1,"topic":"a","data":1,"ack":"all"}', 'bad_request', 'leader, replicas'],
    ['{"type":"pub","id":1,"topic":"a","data":1,"producer":"p"}', 'bad_request', 'id, seq'],
    [
      '{"type":"pub","id":1,"topic":"a","data":1,"producer":{"id":"p"}}',
      'bad_request',
      'producer.seq',
    ],
    ['{"type":"hello","session":"a b"}', 'bad_request', 'session'],
    ['{"__proto__":{"type":"ping","at":1}}', 'bad_request', 'type'],
  ];
  for (const [text, code, message] of refused) {
    it(`refuses ${text.slice(0, 60) || 'an empty frame'} as ${code}`, () => {
      const outcome = refusal(text);
      assert.equal(outcome.code, code);
      assert.ok(outcome.message.includes(message), outcome.message);
    });
  }

  it('refuses bytes that are not UTF-8', () => {
    const frame = Uint8Array.from([...new TextEncoder().encode('{"type":"'), 0xff, 0x22, 0x7d]);
    const outcome = jsonCodec.decodeCommand(frame);
    assert.deepEqual(outcome, {
      ok: false,
      code: 'bad_frame',
      message: 'the frame is not UTF-8',
    });
  });

  it('leaves prototypes alone', () => {
    const outcome = decode('{"type":"pub","id":1,"topic":"t","data":{"__proto__":{"evil":1}}}');
    assert.equal(outcome.ok, true);
    assert.equal(Object.hasOwn(Object.prototype, 'evil'), false);
  });

  it('takes as many topics as the limit says and refuses one more', () => {
    const many = (count: number) =>
      decode(JSON.stringify({ type: 'unsub', id: 1, topics: new Array(count).fill('a') }));
    assert.equal(many(limits.topicsPerCommand).ok, true);
    assert.equal(many(limits.topicsPerCommand + 1).ok, false);
  });
});

describe('JSON as the client package writes and reads it', () => {
  it('writes what the server reads', () => {
    const text = commandText({
      type: 'pub',
      id: 3,
      topic: 'room',
      data: { hi: 1 },
      producer: { id: 'p', seq: 4 },
    });
    const outcome = decode(text);
    assert.ok(outcome.ok && outcome.value.type === 'pub');
    assert.equal(new TextDecoder().decode(outcome.value.data.bytes), '{"hi":1}');
    assert.deepEqual(outcome.value.producer, { id: 'p', seq: 4 });
  });

  it('says at once that data has no JSON form', () => {
    const pub = { type: 'pub', id: 1, topic: 't' } as const;
    assert.throws(() => commandText({ ...pub, data: undefined }), TypeError);
    assert.throws(() => commandText({ ...pub, data: 1n }), TypeError);
  });

  it('reads what the server writes, with data as a value', () => {
    const frame = jsonCodec.encodeEvent({
      type: 'msg',
      topic: 'room',
      position: { epoch: 'e1', seq: 5, confirmed: 17 },
      data: { encoding: 'json', bytes: new TextEncoder().encode('[1,2]') },
      at: 99,
    });
    assert.deepEqual(eventFromText(new TextDecoder().decode(frame)), {
      type: 'msg',
      topic: 'room',
      position: { epoch: 'e1', seq: 5, confirmed: 17 },
      data: [1, 2],
      at: 99,
    });
  });

  it('takes codes and reasons of a newer server as the nearest of its own', () => {
    const position = 'e:1@1';
    const read = (event: object) => {
      const outcome = eventFromText(JSON.stringify(event));
      assert.ok(typeof outcome !== 'string', outcome.toString());
      return outcome;
    };
    const gap = read({ type: 'gap', topic: 't', reason: 'novel', position });
    assert.equal(gap.type === 'gap' && gap.reason, 'lost');
    const err = read({ type: 'err', code: 'novel', message: 'm', at: 1, request: 'r' });
    assert.equal(err.type === 'err' && err.code, 'internal');
    const topics = [{ topic: 't', error: 'novel', message: 'm' }];
    const subbed = read({ type: 'subbed', id: 1, topics });
    assert.deepEqual(subbed.type === 'subbed' && subbed.topics[0], {
      topic: 't',
      error: 'internal',
      message: 'm',
    });
  });

  it('tells what is no event from what a newer server may say', () => {
    for (const text of ['', 'null', '7', '[]', '{"type":"msg"}', '{"type":"tick","at":"1"}']) {
      assert.equal(eventFromText(text), 'bad_frame');
    }
    for (const text of ['{}', '{"type":7}', '{"type":"novelty"}', '{"type":"toString"}']) {
      assert.equal(eventFromText(text), 'unknown_command');
    }
  });
});
