import type { Clock } from '../../protocol/clock.ts';
import { type CloseCode, closeCodes } from '../../protocol/codes.ts';
import type { Hub } from '../hub/hub.ts';
import { Outbox } from './outbox.ts';
import type { Ending, UserConnection, Users } from './users.ts';

/** What this gateway knows of a user. */
export interface UserHere {
  /** That are served, the oldest first. */
  readonly connections: readonly ConnectionHere[];
  /** How the last one ended that it had here, if that was lately. */
  readonly ended: Ending | undefined;
}

export interface ConnectionHere {
  /** Empty: it has none. */
  readonly session: string;
  /** Wall-clock ms. */
  readonly since: number;
}

/** Whom to disconnect: a user, whoever has a session of that name, or that session of that user. */
export interface Disconnect {
  readonly user: string | undefined;
  readonly session: string | undefined;
  /** Clients come back by themselves, as after a restart; otherwise they stay away. */
  readonly reconnect: boolean;
  /** What the close says instead of the name of its code; at most 123 bytes. */
  readonly reason: string | undefined;
}

/** Sessions, each counted once. */
export interface SessionCount {
  /** Those with a name, and every connection without one. */
  count: number;
  readonly names: Set<string>;
}

/** Who is subscribed to a topic here. */
export interface PresenceHere {
  readonly users: ReadonlyMap<string, SessionCount>;
  readonly anonymous: SessionCount;
}

/** What of `EdgeContext` is needed here. */
interface Context {
  readonly hub: Pick<Hub, 'subscribers'>;
  readonly users: Users;
  readonly clock: Pick<Clock, 'wall'>;
  readonly wheel: Pick<Clock, 'now'>;
}

/** Who is connected to this gateway, and whether they stay. */
export class ClientsHere {
  readonly #context: Context;
  readonly #all: () => readonly UserConnection[];

  constructor(context: Context, all: () => readonly UserConnection[]) {
    this.#context = context;
    this.#all = all;
  }

  find(user: string): UserHere {
    const { users, clock, wheel } = this.#context;
    const ahead = clock.wall() - wheel.now();
    const connections = users
      .connectionsOf(user)
      .filter(({ alive }) => alive)
      .map(({ sessionName, openedAt }) => ({ session: sessionName, since: ahead + openedAt }))
      .sort((a, b) => a.since - b.since);
    return { connections, ended: users.endingOf(user) };
  }

  /** Nothing more is taken from them or given to them; returns how many. Again: none. */
  disconnect({ user, session, reconnect, reason }: Disconnect): number {
    const why = reconnect ? closeCodes.reconnect : closeCodes.disconnected;
    const code: CloseCode = { ...why, name: reason ?? why.name };
    const candidates = user === undefined ? this.#all() : this.#context.users.connectionsOf(user);
    const leaving = candidates.filter(({ alive, identity, sessionName }) => {
      // Who is not known yet has no session, and is nobody.
      return alive && identity !== undefined && (session ?? sessionName) === sessionName;
    });
    for (const connection of leaving) connection.leave(code);
    return leaving.length;
  }

  presence(topic: string): PresenceHere {
    const users = new Map<string, SessionCount>();
    const anonymous = { count: 0, names: new Set<string>() };
    for (const outlet of this.#context.hub.subscribers(topic)) {
      if (!(outlet instanceof Outbox)) continue;
      const { identity, sessionName } = outlet.owner;
      const user = identity?.name ?? '';
      const known = user === '' ? anonymous : users.get(user);
      const sessions = known ?? { count: 0, names: new Set() };
      if (known === undefined) users.set(user, sessions);
      if (sessions.names.has(sessionName)) continue;
      sessions.count += 1;
      if (sessionName !== '') sessions.names.add(sessionName);
    }
    return { users, anonymous };
  }
}
