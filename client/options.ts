import { type Clock, foregroundClock, type Random } from '../protocol/clock.ts';
import { isText } from '../protocol/fields.ts';
import * as limits from '../protocol/limits.ts';
import { type OptionProblem, OptionsError } from './errors.ts';
import { globalSocket, type Platform, pagePlatform, type SocketFactory } from './platform.ts';
import type { PositionStorage } from './storage.ts';
import type { TokenFunction } from './token.ts';

/** Options of a client. Only `url` is needed; `docs/client.md` has the bounds of each. */
export interface ClientOptions {
  /** `ws://` or `wss://` addresses of gateways; after a connection ended, the next one is tried. */
  readonly url: string | readonly string[];
  /**
   * Where to ask which gateway to connect to, with the key that says who belongs there:
   * `https://gateways.example.com/v1/route?key=alice`. Default: nobody is asked, and it is `url`.
   */
  readonly routeUrl?: string;
  /** A token, or what fetches one: called before each try and before the token expires. */
  readonly token?: string | TokenFunction;
  /** Name and version of the application, for the gateway's log. Default: `wscluster-client`. */
  readonly name?: string;
  /** Keeps positions beyond the page or process. Default: nowhere. */
  readonly storage?: PositionStorage;
  /** Deadline of a token, and of socket and handshake, in ms. Default 10,000. */
  readonly connectTimeoutMs?: number;
  /** Deadline of an answer to subscribe, renew or ping, in ms. Default 20,000. */
  readonly requestTimeoutMs?: number;
  /** Silence beyond two heartbeats after which a connection counts as dead, ms. Default 5,000. */
  readonly graceMs?: number;
  /** Ceiling of the first wait before a try, in ms. Default 1,000. */
  readonly backoffBaseMs?: number;
  /** How much the ceiling grows with each try. Default 2. */
  readonly backoffFactor?: number;
  /** The highest ceiling, in ms. Default 30,000. */
  readonly backoffCapMs?: number;
  /** Gives up after so many failed tries in a row. Default: never. */
  readonly maxAttempts?: number;
  /** Deadline of a publish, time in the queue included, in ms. Default 60,000. */
  readonly publishTimeoutMs?: number;
  /**
   * A publish without an answer is not sent again when its first sending is this long ago, in ms.
   * Must be less than the gateways' `idempotencyWindowS`. Default 100,000.
   */
  readonly resendWindowMs?: number;
  /** Publishes without an answer, queued ones included. Default 1,000. */
  readonly queueCount?: number;
  /** Their bytes. Default 4 MiB. */
  readonly queueBytes?: number;
  /** Messages per topic that wait to be read. Default 1,000. */
  readonly bufferCount?: number;
  /** Characters of the frames that brought them. Default 4 Mi. */
  readonly bufferChars?: number;
  /** Deadline of a `resync` function, in ms. Default 30,000. */
  readonly resyncTimeoutMs?: number;
  /** Positions are saved at most this often, in ms. Default 1,000. */
  readonly saveIntervalMs?: number;
  /** Makes WebSockets. Default: the global `WebSocket`. */
  readonly webSocket?: SocketFactory;
  /** Time, for tests and simulations. Default: the machine's. */
  readonly clock?: Clock;
  /** Chance, for tests and simulations. Default: `Math.random`. */
  readonly random?: Random;
  /** Signs of sleep and network, for tests. Default: the page's; none in Node. */
  readonly platform?: Platform;
}

const MIB = 1_024 * 1_024;
const HOUR = 3_600_000;
const DAY = 24 * HOUR;

/** Default, smallest and largest value. */
const numbers = {
  maxAttempts: [Number.POSITIVE_INFINITY, 1, Number.POSITIVE_INFINITY],
  connectTimeoutMs: [10_000, 10, HOUR],
  requestTimeoutMs: [20_000, 10, HOUR],
  graceMs: [5_000, 1, HOUR],
  backoffBaseMs: [1_000, 1, HOUR],
  backoffFactor: [2, 1, 10],
  backoffCapMs: [30_000, 1, HOUR],
  publishTimeoutMs: [60_000, 10, DAY],
  resendWindowMs: [100_000, 0, DAY],
  queueCount: [1_000, 1, 1_000_000],
  queueBytes: [4 * MIB, 1_024, 1_024 * MIB],
  bufferCount: [1_000, 1, 1_000_000],
  bufferChars: [4 * MIB, 1_024, 1_024 * MIB],
  resyncTimeoutMs: [30_000, 10, HOUR],
  saveIntervalMs: [1_000, 0, HOUR],
} as const satisfies Record<string, readonly [number, number, number]>;

type Numbers = keyof typeof numbers;
type Injected = 'webSocket' | 'clock' | 'random' | 'platform' | 'name';

/** Options with every default filled in. */
export interface Settings
  extends Required<Pick<ClientOptions, Numbers | Injected>>,
    Pick<ClientOptions, 'routeUrl' | 'token' | 'storage'> {
  readonly url: readonly string[];
}

const isFunction = (value: unknown) => typeof value === 'function';
const has = (value: unknown, ...names: readonly string[]) =>
  names.every((name) => isFunction((value as Record<string, unknown> | null)?.[name]));

/** Whether it is an address with one of these protocols. */
export function isUrl(value: unknown, ...protocols: readonly string[]): boolean {
  try {
    return protocols.includes(new URL(value as string).protocol);
  } catch {
    return false;
  }
}

type Rule = readonly [wanted: string, holds: (value: unknown) => boolean];

const aFunction: Rule = ['a function', isFunction];
const rules: { readonly [Name in Exclude<keyof ClientOptions, Numbers>]: Rule } = {
  url: [
    'a ws:// or wss:// address, or a list of them',
    (value) => {
      const urls = [value].flat();
      return urls.length > 0 && urls.every((url) => isUrl(url, 'ws:', 'wss:'));
    },
  ],
  routeUrl: ['an http:// or https:// address', (value) => isUrl(value, 'http:', 'https:')],
  token: [
    `1 to ${limits.tokenBytes} characters, or a function`,
    (value) => isText(value, limits.tokenBytes) || isFunction(value),
  ],
  name: [`1 to ${limits.clientLength} characters`, (value) => isText(value, limits.clientLength)],
  storage: ['an object with load, save', (value) => has(value, 'load', 'save')],
  clock: ['an object with now, wall, after', (value) => has(value, 'now', 'wall', 'after')],
  webSocket: ['a function: there is no global WebSocket', isFunction],
  random: aFunction,
  platform: aFunction,
};

function ruleFor(field: string): Rule {
  if (Object.hasOwn(rules, field)) return rules[field as keyof typeof rules];
  if (!Object.hasOwn(numbers, field)) return ['there is no such option', () => false];
  const [, min, max] = numbers[field as Numbers];
  return [
    `a number from ${min} to ${max}`,
    (value) => typeof value === 'number' && value >= min && value <= max,
  ];
}

const fallbacks = Object.fromEntries(
  Object.entries(numbers).map(([name, [fallback]]) => [name, fallback]),
) as Record<Numbers, number>;

/** What was given, without what was given as undefined. */
function definedIn(options: ClientOptions): ClientOptions {
  const given = Object.entries(options ?? {}).filter(([, value]) => value !== undefined);
  return { url: '', ...Object.fromEntries(given) };
}

/**
 * Fills in the defaults.
 *
 * @throws OptionsError that names every option that is wrong, and every unknown one.
 */
export function settingsFrom(options: ClientOptions): Settings {
  const all = {
    name: 'wscluster-client',
    webSocket: globalSocket,
    clock: foregroundClock,
    random: Math.random,
    platform: pagePlatform(),
    ...fallbacks,
    ...definedIn(options),
  };
  const problems: OptionProblem[] = [];
  for (const [field, value] of Object.entries(all)) {
    const [wanted, holds] = ruleFor(field);
    if (!holds(value)) problems.push({ field, value, wanted });
  }
  const { webSocket } = all;
  if (problems.length > 0 || webSocket === undefined) throw new OptionsError(problems);
  return { ...all, webSocket, url: [all.url].flat() };
}
