import { z } from 'zod';
import { count, hostAndPort, ms, optional } from './fields.ts';

/** The settings of who owns what, and of how clients get there; part of `declaration.ts`. */

export const ringSettings = z.strictObject({
  source: z.enum(['self-organised', 'given']).default('self-organised').meta({
    description:
      'Who decides which gateway owns what: the gateways among themselves, or `file` and pushes.',
  }),
  cluster: z
    .string()
    .regex(/^[0-9A-Za-z-]{1,64}$/)
    .optional()
    .meta({
      form: '1 to 64 of 0-9 A-Z a-z -',
      description: 'Name of the cluster; rings of another one are refused.',
      absent: 'from `redis.keyPrefix`',
    }),
  weight: count(
    100,
    [1, 10_000],
    'Share of this gateway, compared with the weights of the others.',
  ),
  zone: z
    .string()
    .regex(/^[0-9A-Za-z._-]{1,63}$/)
    .optional()
    .meta({ form: '1 to 63 of 0-9 A-Z a-z . _ -', description: 'Where this gateway runs.' }),
  address: hostAndPort.optional().meta({
    form: 'host:port',
    description: 'Where other gateways reach the client port.',
    absent: '`POD_IP` of the environment, or `host`, or the name of the machine; and `port`',
  }),
  heartbeatMs: ms(
    2_000,
    [20, 60_000],
    'How often gateways tell each other that they live; who misses three is out of the ring.',
  ),
  file: optional('File with the ring, for the source `given`; re-read. It may come later.'),
});

export const placementSettings = z.strictObject({
  mode: z
    .enum(['Redirect', 'Proxy', 'Any'])
    .default('Redirect')
    .meta({
      description:
        '`Redirect`: clients that can move are sent to the gateway that owns them, where ' +
        '`podEndpoint` says how they reach it. `Proxy`: whoever cannot be sent is passed on to ' +
        'it. `Any`: each is served where it arrives.',
    }),
  key: z
    .string()
    .max(128)
    .regex(/^(sub|claim:\S+|query:\S+|header:[\w!#$%&'*+.^`|~-]+)$/)
    .default('sub')
    .meta({
      form: 'sub, claim:<name>, query:<name> or header:<name>',
      description:
        'By what clients are placed: `sub` or another claim of their token, or a parameter or a ' +
        'header of the upgrade. Who has none is placed by its session.',
    }),
  podEndpoint: z
    .string()
    .max(512)
    .regex(/^(none|address|wss?:\/\/[^\s]*\{(pod|ip)\}[^\s]*)$/)
    .default('none')
    .meta({
      form: 'none, address, or ws://… or wss://… with {pod} or {ip} in it',
      description:
        'How a client reaches one gateway and no other; `address`: as gateways do. `{pod}` is ' +
        'its name, `{ip}` its address with dashes, such as `10-0-0-7`.',
    }),
  proxyTimeoutMs: ms(
    1_000,
    [10, 60_000],
    'Time to reach the owner of a client that is passed on; after it, it is served in place.',
  ),
  proxyConnections: count(
    15_000,
    [1, 1_000_000],
    'Clients passed on at once; more are served in place. Each takes two sockets here.',
  ),
});

export const disruptionSettings = z.strictObject({
  movesPerSecond: count(
    200,
    [1, 1_000_000],
    'Clients that all gateways of a cluster together ask to move or to go, per second.',
  ),
});
