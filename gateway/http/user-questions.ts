import {
  type Fields,
  flag,
  identifier,
  integer,
  list,
  members,
  object,
  oneOf,
  optional,
  text,
  topic as topicName,
} from '../../protocol/fields.ts';
import { Refusal } from '../../protocol/refusal.ts';
import type { ClientsHere, Disconnect, PresenceHere, SessionCount } from '../edge/clients-here.ts';
import type { Ending } from '../edge/users.ts';
import { ANSWER_BYTES, type Question } from '../ring/all-pods.ts';

/**
 * What gateways ask each other about users, and how it is written. Both sides read with guards:
 * what comes from another gateway comes through Redis, and may be of another version.
 */

/** Characters of a user's name, as tokens may have it. */
export const USER_LENGTH = 256;
/** Connections of a user that one gateway tells of. */
const CONNECTIONS_MAX = 100;
/** Sessions of a user in a topic that are told by name; the others are only counted. */
const SESSIONS_MAX = 8;
/** Left for everything in an answer that is no name. */
const SPARE_BYTES = 512;
/** More names than that do not fit into an answer. */
const LIST_MAX = ANSWER_BYTES;

/** What a gateway does for the others. */
export type Clients = Pick<ClientsHere, 'find' | 'disconnect' | 'presence'>;

const kinds = ['user', 'disconnect', 'presence'] as const;

/** Answers a question, of this gateway's own or another's. Throws `Refusal` when it is none. */
export function answerAbout(clients: Clients, ask: Fields): Fields {
  const { kind } = members(ask, { kind: oneOf(kinds) });
  switch (kind) {
    case 'user':
      return userAnswer(clients, members(ask, { user: userName }).user);
    case 'disconnect':
      return { closed: clients.disconnect(readDisconnect(ask)) };
    case 'presence':
      return presenceAnswer(clients.presence(members(ask, { topic: topicName }).topic));
  }
}

const userName = text(USER_LENGTH);

const orders = {
  user: optional(userName),
  session: optional(identifier),
  reconnect: optional(flag),
  reason: optional(identifier),
};
export const orderMembers = Object.keys(orders);

/** Throws `Refusal`. Says nothing about whether anybody is named at all. */
export function readDisconnect(fields: Fields): Disconnect {
  const { user, session, reconnect = false, reason } = members(fields, orders);
  return { user, session, reconnect, reason };
}

const ending = object({ code: integer(0), at: integer(0) });
const userShape = {
  total: integer(0),
  connections: list(
    0,
    CONNECTIONS_MAX,
    object({ session: optional(identifier), since: integer(0) }),
  ),
  ended: optional(ending),
};

function userAnswer(clients: Clients, user: string): Fields {
  const { connections, ended } = clients.find(user);
  const told = connections.slice(0, CONNECTIONS_MAX).map(({ session, since }) => ({
    session: session === '' ? undefined : session,
    since: Math.floor(since),
  }));
  return { total: connections.length, connections: told, ended };
}

/** What one gateway says of a user. */
export interface UserPart {
  readonly total: number;
  /** At most `CONNECTIONS_MAX` of them; `since` is its wall-clock, ms. */
  readonly connections: readonly {
    readonly session: string | undefined;
    readonly since: number;
  }[];
  readonly ended: Ending | undefined;
}

/** Where is this user, and how did the last connection end? */
export const whereIs = (user: string): Question<UserPart> => ({
  ask: { kind: 'user', user },
  read: (answer: Fields) => members(answer, userShape),
});

/** End the connections of somebody. */
export const disconnecting = (order: Disconnect): Question<{ readonly closed: number }> => ({
  ask: { kind: 'disconnect', ...order },
  read: (answer: Fields) => members(answer, { closed: integer(0) }),
});

/** Who is in this topic? */
export const whoIsIn = (topic: string): Question<PresencePart> => ({
  ask: { kind: 'presence', topic },
  read: (answer: Fields) => {
    const part = members(answer, presenceShape);
    const { users, list: told, anonymous, names } = part;
    const counted = told.every((user) => user.names.length <= user.count);
    if (counted && told.length <= users && names.length <= anonymous) return part;
    throw new Refusal('bad_request', 'more names than there are users or sessions');
  },
});

/** What one gateway says of a topic. */
export interface PresencePart {
  /** How many users there are, and those of them whose names had room. */
  readonly users: number;
  readonly list: readonly PresentUser[];
  /** How many sessions of nobody, and those of them whose names had room. */
  readonly anonymous: number;
  readonly names: readonly string[];
}

interface PresentUser {
  readonly user: string;
  readonly count: number;
  readonly names: readonly string[];
}

const presenceShape = {
  users: integer(0),
  list: list(
    0,
    LIST_MAX,
    object({ user: userName, count: integer(1), names: list(0, SESSIONS_MAX, identifier) }),
  ),
  anonymous: integer(0),
  names: list(0, LIST_MAX, identifier),
};

/** Users before sessions of nobody, as many as there is room for. */
function presenceAnswer({ users, anonymous }: PresenceHere): Fields {
  const room = new Room(ANSWER_BYTES - SPARE_BYTES);
  const parts = room.fit(users, ([user, sessions]) => presentUser(user, sessions));
  const names = room.fit(anonymous.names, (name) => name);
  return { users: users.size, list: parts, anonymous: anonymous.count, names };
}

function presentUser(user: string, { count, names }: SessionCount): PresentUser {
  return { user, count, names: [...names].slice(0, SESSIONS_MAX) };
}

/** Bytes of JSON that are left. */
class Room {
  #bytes: number;

  constructor(bytes: number) {
    this.#bytes = bytes;
  }

  /** The first of `items` that fit. */
  fit<T, U>(items: Iterable<T>, write: (item: T) => U): U[] {
    const fitting: U[] = [];
    for (const item of items) {
      const written = write(item);
      this.#bytes -= Buffer.byteLength(JSON.stringify(written)) + 1;
      if (this.#bytes < 0) break;
      fitting.push(written);
    }
    return fitting;
  }
}

/** Who is in a topic, over all gateways. */
export interface Presence {
  readonly users: number;
  readonly anonymous: number;
  /** Sessions by user. */
  readonly sessions: ReadonlyMap<string, number>;
}

/**
 * A user or session that several gateways tell of is one: it is moving, or has several devices.
 * Exact as long as each gateway had room for all names; what had none may be counted twice.
 */
export function joinPresence(parts: Iterable<PresencePart>): Presence {
  const users = new Tally();
  const anonymous = new Tally();
  const sessions = new Map<string, Tally>();
  for (const { users: userCount, list: told, anonymous: others, names } of parts) {
    users.add(
      userCount,
      told.map(({ user }) => user),
    );
    anonymous.add(others, names);
    for (const { user, count, names: own } of told) {
      const tally = sessions.get(user) ?? new Tally();
      tally.add(count, own);
      sessions.set(user, tally);
    }
  }
  return {
    ...{ users: users.count, anonymous: anonymous.count },
    sessions: new Map([...sessions].map(([user, { count }]) => [user, count])),
  };
}

/** How many there are, of which some are known by name. */
class Tally {
  readonly #names = new Set<string>();
  #nameless = 0;

  add(count: number, names: readonly string[]): void {
    this.#nameless += count - names.length;
    for (const name of names) this.#names.add(name);
  }

  get count(): number {
    return this.#names.size + this.#nameless;
  }
}
