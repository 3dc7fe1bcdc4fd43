import { z } from 'zod';
import { type ErrorName, errorCodes, gapReasons } from '../../protocol/codes.ts';
import * as limits from '../../protocol/limits.ts';
import { SHARDS } from '../../protocol/ring.ts';
import { USER_LENGTH } from './user-questions.ts';
import { PRESENCE_MAX } from './users.ts';

/**
 * The forms of bodies, for the OpenAPI document. Requests are read by the protocol's own readers
 * (`publish-body.ts`); a test holds that both accept the same, and that answers are of these forms.
 * None is closed: who receives one ignores members that it does not know, so that a newer side may
 * say more.
 */

const name = z
  .string()
  .regex(/^[0-9A-Za-z_-]{1,64}$/)
  .meta({ description: '1 to 64 of `0-9 A-Z a-z _ -`.' });
const topic = z
  .string()
  .min(1)
  .max(limits.topicBytes)
  .meta({
    description:
      `1 to ${limits.topicBytes} bytes of UTF-8 without control characters and without \`*\`; ` +
      'names that begin with `$` are reserved.',
  });
const position = z
  .string()
  .regex(/^[0-9A-Za-z_-]{1,32}:(0|[1-9][0-9]{0,15})@(0|[1-9][0-9]{0,10})$/)
  .meta({ description: 'A place in a topic: `epoch:seq@seconds`. Treat it as opaque.' });
const milliseconds = z.int().min(0).meta({ description: 'Milliseconds since 1970.' });
const names = (Object.keys(errorCodes) as ErrorName[]).filter(
  (name) => errorCodes[name].where !== 'frames',
);

const message = z
  .object({
    topic,
    data: z.unknown().meta({ description: 'Any JSON; stored and delivered byte for byte.' }),
    producer: z
      .object({ id: name, seq: z.int().min(1) })
      .optional()
      .meta({
        description:
          'Makes trying again safe: the same id and seq are written at most once per topic.',
      }),
    retry: z
      .boolean()
      .optional()
      .meta({
        description:
          'It was sent before, and the answer was lost. Where it was not written, and a later ' +
          'message of the producer was, it is refused with `out_of_order`.',
      }),
    ack: z.enum(['leader', 'replicas']).optional().meta({
      description:
        'When it counts as written. Default: `leader`. `replicas` needs `redis.replicas`.',
    }),
  })
  .meta({ description: 'A message to publish.' });

const elsewhere = z.never().optional();

/** A message alone: beside `messages` it would be lost in silence. */
export const lone = message
  .extend({ messages: elsewhere })
  .meta({ description: 'A message to publish, and no others beside it.' });

/** `maxMessages`: the setting `http.publishMessages`. */
export const messagesOf = (maxMessages: number) =>
  z
    .object({
      messages: z.array(message).min(1).max(maxMessages),
      ...{ topic: elsewhere, data: elsewhere, producer: elsewhere, ack: elsewhere },
    })
    .meta({ description: 'Several messages, and none beside them.' });

export const published = z.object({
  position,
  duplicate: z
    .literal(true)
    .optional()
    .meta({ description: 'It had been written before; `position` is where.' }),
});

const error = {
  code: z.enum(names),
  message: z.string().meta({ description: 'For people. May change.' }),
};

/** What became of one message of several. */
const result = z.union([published, z.object({ ...error, status: z.int() })]);

export const publishedAll = z.object({
  results: z.array(result).meta({ description: 'In the order of the request.' }),
});

export const failure = z.object({
  ...error,
  at: milliseconds,
  request: z.string().meta({ description: 'The request’s id, also in `X-Request-ID`.' }),
  results: z
    .array(result)
    .optional()
    .meta({ description: 'Of a publish of several messages: what became of each.' }),
});

const msg = z.object({
  type: z.literal('msg'),
  topic,
  position,
  at: milliseconds,
  id: z.string().optional().meta({ description: 'The publisher’s `producer:seq`.' }),
  data: z.unknown(),
});

const gap = z.object({
  type: z.literal('gap'),
  topic,
  reason: z.enum(Object.keys(gapReasons) as [string, ...string[]]),
  from: z.int().min(1).optional(),
  to: z.int().min(1).optional(),
  position,
});

export const history = z.object({
  topic,
  events: z.array(z.union([msg, gap])).meta({ description: 'Oldest first.' }),
  next: position.meta({ description: 'Give it as `after` for the next page.' }),
  head: position.meta({ description: 'The newest place of the topic at that moment.' }),
  more: z.boolean().meta({ description: 'Whether there is a next page now.' }),
});

const count = z.int().min(0);
const shard = z
  .int()
  .min(0)
  .max(SHARDS - 1);
const pod = z.string().meta({ description: 'Name of a gateway.' });

const ringMember = z.object({
  id: pod,
  weight: z.int().min(1).meta({ description: 'Its share, compared with those of the others.' }),
  zone: z.string().meta({ description: 'Where it runs; empty when that is not known.' }),
  address: z.string().meta({ description: '`host:port` at which other gateways reach it.' }),
  shards: count.meta({ description: 'How many it owns.' }),
  load: z
    .object({
      connections: count,
      utilisation: z.number().min(0).max(1).meta({ description: 'How busy its event loop is.' }),
      ageMs: count.meta({ description: 'When it said so.' }),
    })
    .optional()
    .meta({ description: 'Absent when it has not been heard of.' }),
});

export const ring = z.object({
  source: z.enum(['self-organised', 'given']).meta({ description: 'Who decides.' }),
  shards: z.literal(SHARDS),
  cluster: z.string().optional(),
  version: z
    .object({ generation: count, counter: count })
    .optional()
    .meta({ description: 'Ordered by generation first. Absent while there is no ring.' }),
  digest: z.string().optional().meta({ description: 'SHA-256 of the ring’s document.' }),
  writer: pod.optional().meta({ description: 'Who writes the next ring, if that is known.' }),
  members: z.array(ringMember).meta({ description: 'By id; empty while there is no ring.' }),
});

export const route = z.object({
  key: z.string(),
  shard: shard.meta({ description: 'The first 14 bits of the SHA-256 of the key.' }),
  owner: pod.optional().meta({ description: 'Absent: there is no ring, any gateway will do.' }),
  url: z
    .string()
    .optional()
    .meta({ description: 'Where clients reach the owner, if `placement.podEndpoint` says so.' }),
});

const all = {
  complete: z.boolean().meta({ description: 'Whether every gateway answered in time.' }),
  missing: z.array(pod).meta({ description: 'Those that did not.' }),
};
const userName = z.string().min(1).max(USER_LENGTH).meta({ description: 'The `sub` of tokens.' });

export const user = z.object({
  user: userName,
  total: count.meta({ description: 'Connections that it has now.' }),
  connections: z
    .array(z.object({ pod, session: name.optional(), since: milliseconds }))
    .meta({ description: 'At most 100 of each gateway, the oldest first.' }),
  ended: z
    .object({
      pod,
      at: milliseconds,
      code: z.int().meta({ description: 'The WebSocket close code.' }),
      reason: z.string().optional().meta({ description: 'Name of the code, if it has one.' }),
    })
    .optional()
    .meta({ description: 'How its last connection ended, if that was within the last hour.' }),
  ...all,
});

export const disconnect = z
  .object({
    user: userName.optional(),
    session: name.optional(),
    reconnect: z.boolean().optional().meta({
      description:
        'Whether its clients come back by themselves (4009) or stay away (4503). Default: false.',
    }),
    reason: name
      .optional()
      .meta({ description: 'The reason of the close, instead of the name of its code.' }),
  })
  .meta({
    description:
      'All connections of a user, or of a session, or of that session of that user. Members that ' +
      'the gateway does not know are refused: it might end more than was meant.',
  });

export const closed = z.object({
  closed: count.meta({ description: 'Connections that were ended.' }),
  pods: z.array(z.object({ pod, closed: count })).meta({ description: 'Where there were any.' }),
  ...all,
});

export const presence = z.object({
  topic,
  total: z.object({
    users: count,
    anonymous: count.meta({ description: 'Sessions of clients without a token.' }),
  }),
  users: z
    .array(z.object({ user: userName, sessions: count }))
    .optional()
    .meta({ description: `By name, at most ${PRESENCE_MAX}. Absent for anonymous callers.` }),
  truncated: z.boolean().optional().meta({
    description: 'Not all users are named; then a user on several gateways may be counted twice.',
  }),
  ...all,
});
