import fc from 'fast-check';
import { moveReasonNames } from '../code-table.ts';
import { errorCodes, gapReasons } from '../codes.ts';
import type { Command } from '../commands.ts';
import type { ServerEvent } from '../events.ts';
import * as limits from '../limits.ts';
import type { Payload } from '../payload.ts';
import type { Position } from '../position.ts';
import { topicProblem } from '../topic.ts';

/** Random values of every type of the protocol, for property tests. */

export const name = fc.stringMatching(/^[0-9A-Za-z_-]{1,64}$/);
export const topic = fc
  .string({ unit: 'grapheme', minLength: 1, maxLength: 60 })
  .filter((text) => topicProblem(text) === undefined);
export const requestId = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER });
const milliseconds = fc.integer({ min: 0, max: 4_102_444_800_000 });

/** fast-check makes some objects without a prototype, which deepEqual tells from ordinary ones. */
const ordinary = <T>(value: T): T => structuredClone(value);

export const position: fc.Arbitrary<Position> = fc
  .record({
    epoch: fc.stringMatching(/^[0-9A-Za-z_-]{1,32}$/),
    seq: fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }),
    confirmed: fc.integer({ min: 0, max: 99_999_999_999 }),
  })
  .map(ordinary);

const encoder = new TextEncoder();

/** JSON text, in the forms that a publisher may choose. */
export const jsonPayload: fc.Arbitrary<Payload> = fc
  .tuple(fc.jsonValue({ maxDepth: 5 }), fc.constantFrom(0, 2))
  .map(([value, indent]) => ({
    encoding: 'json',
    bytes: encoder.encode(JSON.stringify(value, null, indent)),
  }));

const topicPosition = fc.record({ topic, position });

const anyCommand: fc.Arbitrary<Command> = fc.oneof(
  fc.record(
    {
      type: fc.constant('hello' as const),
      id: requestId,
      token: fc.string({ minLength: 1, maxLength: 200 }),
      session: name,
      features: fc.array(name, { maxLength: 32 }),
      client: fc.string({ minLength: 1, maxLength: 128 }),
      move: fc.string({ minLength: 1, maxLength: limits.moveTokenBytes }),
    },
    { requiredKeys: ['type'] },
  ),
  fc.record({
    type: fc.constant('sub' as const),
    id: requestId,
    topics: fc.array(fc.record({ topic, position }, { requiredKeys: ['topic'] }), {
      minLength: 1,
      maxLength: 20,
    }),
  }),
  fc.record({
    type: fc.constant('unsub' as const),
    id: requestId,
    topics: fc.array(topic, { minLength: 1, maxLength: 20 }),
  }),
  fc.record(
    {
      type: fc.constant('pub' as const),
      id: requestId,
      topic,
      data: jsonPayload,
      producer: fc.record({ id: name, seq: requestId }),
      retry: fc.boolean(),
      ack: fc.constantFrom('leader' as const, 'replicas' as const),
    },
    { requiredKeys: ['type', 'id', 'topic', 'data'] },
  ),
  fc.record({ type: fc.constant('ack' as const), positions: fc.array(topicPosition) }),
  fc.record({
    type: fc.constant('auth' as const),
    id: requestId,
    token: fc.string({ minLength: 1, maxLength: 200 }),
  }),
  fc.record({ type: fc.constant('ping' as const), at: milliseconds }),
);

const errorName = fc.constantFrom(...(Object.keys(errorCodes) as (keyof typeof errorCodes)[]));
const message = fc.string({ minLength: 1, maxLength: 200 });

const anyEvent: fc.Arbitrary<ServerEvent> = fc.oneof(
  fc.record(
    {
      type: fc.constant('welcome' as const),
      id: requestId,
      session: name,
      identity: message,
      heartbeat: requestId,
      limits: fc.record({ frameBytes: requestId, topics: requestId }),
      features: fc.array(name, { maxLength: 32 }),
      pod: name,
    },
    { requiredKeys: ['type', 'session', 'heartbeat', 'limits', 'features', 'pod'] },
  ),
  fc.record({
    type: fc.constant('subbed' as const),
    id: requestId,
    topics: fc.array(
      fc.oneof(
        fc.record({ topic, position, replay: fc.nat() }),
        fc.record({ topic, error: errorName, message }),
      ),
      { minLength: 1, maxLength: 20 },
    ),
  }),
  fc.record(
    {
      type: fc.constant('msg' as const),
      topic,
      position,
      data: jsonPayload,
      id: message,
      at: milliseconds,
    },
    { requiredKeys: ['type', 'topic', 'position', 'data', 'at'] },
  ),
  fc.record(
    {
      type: fc.constant('acked' as const),
      id: requestId,
      position,
      duplicate: fc.constant(true as const),
    },
    { requiredKeys: ['type', 'id'] },
  ),
  fc.record(
    {
      type: fc.constant('err' as const),
      id: requestId,
      topic,
      code: errorName,
      message,
      at: milliseconds,
      request: name,
    },
    { requiredKeys: ['type', 'code', 'message', 'at', 'request'] },
  ),
  fc.record(
    {
      type: fc.constant('gap' as const),
      topic,
      reason: fc.constantFrom(...(Object.keys(gapReasons) as (keyof typeof gapReasons)[])),
      from: requestId,
      to: requestId,
      position,
    },
    { requiredKeys: ['type', 'topic', 'reason', 'position'] },
  ),
  fc.record({ type: fc.constant('stale' as const), stale: fc.boolean(), at: milliseconds }),
  fc.record({
    type: fc.constant('tick' as const),
    at: milliseconds,
    positions: fc.array(topicPosition, { maxLength: 20 }),
  }),
  fc.record(
    {
      type: fc.constant('move' as const),
      to: fc.string({ minLength: 1, maxLength: 1_024 }),
      within: fc.nat(),
      reason: fc.constantFrom(...moveReasonNames),
      token: fc.string({ minLength: 1, maxLength: limits.moveTokenBytes }),
    },
    { requiredKeys: ['type', 'within', 'reason', 'token'] },
  ),
  fc.record({ type: fc.constant('pong' as const), at: milliseconds }),
);

export const command = anyCommand.map(ordinary);
export const event = anyEvent.map(ordinary);
