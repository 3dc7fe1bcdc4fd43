import type { Clock, Random } from '../../protocol/clock.ts';
import type { Hub } from '../hub/hub.ts';
import type { Logger } from '../logger.ts';
import type { EdgeSettings, PlacementSettings } from '../settings/declaration.ts';
import type { Sessions, Stream } from '../stream/stream.ts';
import type { Backlog } from './backlog.ts';
import type { EdgeCounts } from './counts.ts';
import { Flusher } from './flusher.ts';
import type { Authenticator } from './identity.ts';
import type { Movable, MovableClient, Stay } from './movable.ts';
import type { MoveTokens } from './move-tokens.ts';
import { type Placement, servedInPlace } from './placement.ts';
import type { HopProofs } from './proxy/hop-proofs.ts';
import { SessionHolders } from './session-holders.ts';
import { withOutageLogged } from './session-outage.ts';
import type { Rate } from './token-bucket.ts';
import { Users } from './users.ts';
import { Wheel } from './wheel.ts';

/** What an edge is made of. */
export interface EdgeParts {
  readonly hub: Hub;
  readonly stream: Stream;
  readonly settings: EdgeSettings;
  /** `stream.retentionS` of the settings. */
  readonly retentionS: number;
  /** How long after its first sending a publisher may send a publish again, milliseconds. */
  readonly resendWindowMs: number;
  /** Absent: whatever comes is read at once. */
  readonly backlog?: Pick<Backlog, 'since'>;
  /** `auth.allowedOrigins` of the settings. */
  readonly allowedOrigins: readonly string[];
  readonly authenticator: Authenticator;
  readonly clock: Clock;
  readonly random: Random;
  readonly counts: EdgeCounts;
  readonly logger: Logger;
  /** The gateway's name, as `welcome` says it. */
  readonly pod: string;
  /** Who owns which clients. Default: each is at home where it arrives. */
  readonly placement?: Placement;
  /** Absent: nobody can be moved. */
  readonly moveTokens?: MoveTokens;
  /** Absent: nobody is passed on to another gateway or by one. */
  readonly proxy?: ProxyParts;
}

export interface ProxyParts {
  readonly proofs: HopProofs;
  readonly settings: Pick<PlacementSettings, 'proxyTimeoutMs' | 'proxyConnections'>;
  /** As `OwnerOutagesParts` says. */
  readonly homeAfterMs?: number;
}

/** What all connections of a gateway share. */
export interface EdgeContext {
  readonly hub: Hub;
  readonly stream: Stream;
  /** Those of the stream, watched. */
  readonly sessions: Sessions;
  readonly settings: EdgeSettings;
  /** How long the log surely keeps a message, milliseconds. */
  readonly retentionMs: number;
  readonly resendWindowMs: number;
  readonly backlog: Pick<Backlog, 'since'>;
  readonly authenticator: Authenticator;
  readonly clock: Clock;
  readonly random: Random;
  readonly counts: EdgeCounts;
  readonly logger: Logger;
  readonly pod: string;
  readonly wheel: Wheel;
  readonly flusher: Flusher;
  readonly holders: SessionHolders;
  readonly users: Users;
  readonly placement: Placement;
  /** What the upgrade said of where a connection belongs, until its hello. */
  readonly keys: WeakMap<object, string>;
  /** What the upgrade said of who is not to be sent elsewhere at once, until its hello. */
  readonly staying: WeakMap<object, Stay>;
  /** Where those belong that cannot be moved, where they find their way by coming back. */
  readonly places: WeakMap<object, Movable>;
  readonly moveTokens: MoveTokens | undefined;
  /** A client was welcomed. */
  welcomed: (client: MovableClient) => void;
  /** Frames of one connection. */
  readonly rate: Rate;
  /** Whether the gateway is cut off from Redis now. */
  stale: boolean;
  /** The newest second of Redis' clock that the stream told. */
  second: number;
  /** A number that finds an error's line in the log. */
  requestId(): string;
  /** The number of the next connection. */
  nextSerial(): number;
  /** What log lines of the connection with that number carry. */
  connectionId(serial: number): string;
}

export function newContext(parts: EdgeParts): EdgeContext {
  const { hub, stream, settings, authenticator, clock, random, counts, logger, pod } = parts;
  let requests = 0;
  let connections = 0;
  return {
    hub,
    stream,
    sessions: withOutageLogged(stream.sessions, { clock, logger }),
    settings,
    retentionMs: parts.retentionS * 1_000,
    resendWindowMs: parts.resendWindowMs,
    backlog: parts.backlog ?? alwaysRead(stream),
    authenticator,
    clock,
    random,
    counts,
    logger,
    pod,
    wheel: new Wheel(clock),
    flusher: new Flusher(),
    holders: new SessionHolders(),
    users: new Users(
      { perSecond: settings.identityPerSecond, burst: settings.identityBurst },
      clock,
    ),
    placement: parts.placement ?? servedInPlace(),
    keys: new WeakMap(),
    staying: new WeakMap(),
    places: new WeakMap(),
    moveTokens: parts.moveTokens,
    welcomed() {},
    rate: { perSecond: settings.messagesPerSecond, burst: settings.messagesBurst },
    stale: false,
    second: 0,
    requestId() {
      requests += 1;
      return `${pod}-${requests.toString(36)}`;
    },
    nextSerial() {
      connections += 1;
      return connections;
    },
    connectionId: (serial) => `${pod}:${serial.toString(36)}`,
  };
}

const alwaysRead = (stream: Stream): Pick<Backlog, 'since'> => ({
  get since() {
    return stream.now();
  },
});
