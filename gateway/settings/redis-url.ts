/** What a Redis URL says. */
export interface RedisTarget {
  readonly tls: boolean;
  /** Undefined: the default user. */
  readonly username: string | undefined;
  readonly password: string | undefined;
  /** A host name or an address; IPv6 without its brackets. */
  readonly host: string;
  readonly port: number;
  readonly db: number;
}

export type ReadRedisUrl =
  | { readonly target: RedisTarget }
  /** Everything that is wrong, in words that quote nothing: the URL may hold a password. */
  | { readonly problems: readonly [string, ...string[]] };

export const REDIS_URL_FORM =
  'redis://[[user]:password@]host[:port][/database], or rediss:// for TLS';
const DEFAULT_PORT = 6_379;
/** Room for tokens of cloud providers, which are whole URLs themselves. */
const MAX_LENGTH = 32_768;
const HOST = /^([\w.-]{1,255}|\[[0-9A-Fa-f:.%\w]{2,60}\])$/;

/**
 * The only reader of Redis URLs. The client's own takes any option from the query, gives a database
 * that is no number to Redis, and throws with the URL in hand.
 */
export function readRedisUrl(text: string): ReadRedisUrl {
  const parts = /^(rediss?):\/\/([^/?#]*)(\/[^?#]*)?(\?[^#]*)?(#.*)?$/is.exec(text);
  if (parts === null) return { problems: ['it does not begin with redis:// or rediss://'] };
  const [, scheme = '', authority = '', path = '', query, fragment] = parts;
  const at = authority.lastIndexOf('@');
  const user = readUser(at < 0 ? undefined : authority.slice(0, at));
  const place = readPlace(authority.slice(at + 1));
  const db = /^\/?$/.test(path) ? 0 : Number(/^\/(\d{1,9})$/.exec(path)?.[1] ?? Number.NaN);
  const problems = [
    ...(text.length > MAX_LENGTH ? [`it has more than ${MAX_LENGTH} characters`] : []),
    ...(hasBlanks(text) ? ['it has a space or a control character'] : []),
    ...user.problems,
    ...place.problems,
    ...(Number.isNaN(db) ? ['its database is not a whole number'] : []),
    ...(query === undefined ? [] : ['it has a query: options are settings of their own']),
    ...(fragment === undefined ? [] : ['it has a fragment: # is written %23']),
  ];
  const [first, ...others] = problems;
  if (first !== undefined) return { problems: [first, ...others] };
  const { username, password } = user;
  const { host, port } = place;
  return { target: { tls: scheme.toLowerCase() === 'rediss', username, password, host, port, db } };
}

/** A URL that can be read, with another user (default: its own) and password. */
export function withUser(url: string, { user, password }: RedisUser): string {
  const [, scheme = '', own = '', place = ''] =
    /^(\w+:\/\/)(?:([^:/?#]*):[^/?#]*@)?(.*)$/s.exec(url) ?? [];
  const name = user === undefined ? own : encodeURIComponent(user);
  return `${scheme}${name}:${encodeURIComponent(password)}@${place}`;
}

export interface RedisUser {
  readonly user: string | undefined;
  readonly password: string;
}

const hasBlanks = (text: string) => /[\s\p{Cc}]/u.test(text);

interface User {
  readonly username: string | undefined;
  readonly password: string | undefined;
  readonly problems: readonly string[];
}

function readUser(text: string | undefined): User {
  const none = { username: undefined, password: undefined };
  if (text === undefined) return { ...none, problems: [] };
  const colon = text.indexOf(':');
  // The client would connect as nobody.
  if (colon < 0 || colon === text.length - 1) {
    return { ...none, problems: ['it has a user without a password (write user:password@)'] };
  }
  const username = decoded(text.slice(0, colon));
  const password = decoded(text.slice(colon + 1));
  const problems = [
    ...(username === undefined ? ['its user has a % without two hex digits (write %25)'] : []),
    ...(password === undefined ? ['its password has a % without two hex digits (write %25)'] : []),
  ];
  return { username: username === '' ? undefined : username, password, problems };
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

function readPlace(text: string) {
  const [, host = '', portText] = /^(.*?)(?::([^:\]]*))?$/s.exec(text) ?? [];
  const port = portText === undefined ? DEFAULT_PORT : Number(portText);
  const wrongHost = host === '' ? 'it names no host' : 'its host is no host name or address';
  const right = portText === undefined || (/^\d{1,5}$/.test(portText) && isPort(port));
  const problems = [
    ...(HOST.test(host) ? [] : [wrongHost]),
    ...(right ? [] : ['its port is not 1 to 65535']),
  ];
  return { host: host.replace(/^\[|\]$/g, ''), port, problems };
}

const isPort = (port: number): boolean => port >= 1 && port <= 65_535;
