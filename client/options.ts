import { type Clock, foregroundClock, type Random } from '../protocol/clock.ts';
import { isText } from '../protocol/fields.ts';
import * as limits from '../protocol/limits.ts';
import { type OptionProblem, OptionsError } from './errors.ts';
import { globalSocket, type Platform, pagePlatform, type SocketFactory } from './platform.ts';
import type { Persistence } from './storage.ts';
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
  /** Keeps positions beyond page and process: `webStorage` or `persisted`. Default: nowhere. */
  readonly storage?: Persistence;
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
   * At most five sixths of the gateways' `idempotencyWindowS`. Default 100,000.
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

const isFunction = (value: unknown) => typeof value === 'function';
const isClock = (value: unknown) =>
  ['now', 'wall', 'after'].every((name) =>
    isFunction((value as Record<string, unknown> | null)?.[name]),
  );

/** Whether it is an address with one of these protocols. */
export function isUrl(value: unknown, ...protocols: readonly string[]): boolean {
  try {
    return protocols.includes(new URL(value as string).protocol);
  } catch {
    return false;
  }
}

/** The default, if there is one; what it must be, in words; and whether it is that. */
type Rule<T> = readonly [fallback: T, wanted: string, holds: (value: unknown) => boolean];

const number = (fallback: number, min: number, max: number): Rule<number> => [
  fallback,
  `a number from ${min} to ${max}`,
  (value) => typeof value === 'number' && value >= min && value <= max,
];

const rules = {
  url: [
    '',
    'a ws:// or wss:// address, or a list of them',
    (value) => {
      const urls = [value].flat();
      return urls.length > 0 && urls.every((url) => isUrl(url, 'ws:', 'wss:'));
    },
  ],
  routeUrl: [
    undefined,
    'an http:// or https:// address',
    (value) => isUrl(value, 'http:', 'https:'),
  ],
  token: [
    undefined,
    `1 to ${limits.tokenBytes} characters, or a function`,
    (value) => isText(value, limits.tokenBytes) || isFunction(value),
  ],
  name: [
    'wscluster-client',
    `1 to ${limits.clientLength} characters`,
    (value) => isText(value, limits.clientLength),
  ],
  storage: [undefined, 'of webStorage or persisted', isFunction],
  connectTimeoutMs: number(10_000, 10, HOUR),
  requestTimeoutMs: number(20_000, 10, HOUR),
  graceMs: number(5_000, 1, HOUR),
  backoffBaseMs: number(1_000, 1, HOUR),
  backoffFactor: number(2, 1, 10),
  backoffCapMs: number(30_000, 1, HOUR),
  maxAttempts: number(Number.POSITIVE_INFINITY, 1, Number.POSITIVE_INFINITY),
  publishTimeoutMs: number(60_000, 10, DAY),
  resendWindowMs: number(100_000, 0, DAY),
  queueCount: number(1_000, 1, 1_000_000),
  queueBytes: number(4 * MIB, 1_024, 1_024 * MIB),
  bufferCount: number(1_000, 1, 1_000_000),
  bufferChars: number(4 * MIB, 1_024, 1_024 * MIB),
  resyncTimeoutMs: number(30_000, 10, HOUR),
  saveIntervalMs: number(1_000, 0, HOUR),
  // Null: there is none, and it must be given.
  webSocket: [globalSocket ?? null, 'a function: there is no global WebSocket', isFunction],
  clock: [foregroundClock, 'a Clock', isClock],
  random: [Math.random, 'a function', isFunction],
  platform: [pagePlatform(), 'a function', isFunction],
} as const satisfies { readonly [Name in keyof ClientOptions]-?: Rule<unknown> };

const unknown: Rule<undefined> = [undefined, 'there is no such option', () => false];

type Optional = 'routeUrl' | 'token' | 'storage';

/** Options with every default filled in. */
export interface Settings
  extends Required<Omit<ClientOptions, Optional | 'url'>>,
    Pick<ClientOptions, Optional> {
  readonly url: readonly string[];
}

/**
 * Fills in the defaults; undefined means the default.
 *
 * @throws OptionsError that names every option that is wrong, and every unknown one.
 */
export function settingsFrom(options: ClientOptions): Settings {
  const given: Readonly<Record<string, unknown>> = { ...options };
  const settings: Record<string, unknown> = {};
  const problems: OptionProblem[] = [];
  for (const field in { ...rules, ...given }) {
    const known = Object.hasOwn(rules, field);
    const [fallback, wanted, holds] = known ? rules[field as keyof typeof rules] : unknown;
    const { [field]: value = fallback } = given;
    if (value === undefined) continue;
    settings[field] = value;
    if (!holds(value)) problems.push({ field, value, wanted });
  }
  if (problems.length > 0) throw new OptionsError(problems);
  const complete: object = { ...settings, url: [settings['url']].flat() };
  return complete as Settings;
}
