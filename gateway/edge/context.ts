import type { Clock, Random } from '../../protocol/clock.ts';
import type { Hub } from '../hub/hub.ts';
import type { Logger } from '../logger.ts';
import type { EdgeSettings } from '../settings/declaration.ts';
import type { Stream } from '../stream/stream.ts';
import type { Connection } from './connection.ts';
import type { EdgeCounts } from './counts.ts';
import type { Flusher } from './flusher.ts';
import type { Authenticator } from './identity.ts';
import type { IdentityRates } from './identity-rates.ts';
import type { SessionHolders } from './session-holders.ts';
import type { Rate } from './token-bucket.ts';
import type { Wheel } from './wheel.ts';

/** What all connections of a gateway share. */
export interface EdgeContext {
  readonly hub: Hub;
  readonly stream: Stream;
  readonly settings: EdgeSettings;
  /** How long the log surely keeps a message, milliseconds. */
  readonly retentionMs: number;
  readonly authenticator: Authenticator;
  readonly clock: Clock;
  readonly random: Random;
  readonly counts: EdgeCounts;
  readonly logger: Logger;
  readonly pod: string;
  readonly wheel: Wheel;
  readonly flusher: Flusher;
  readonly holders: SessionHolders;
  readonly identityRates: IdentityRates;
  /** Frames of one connection. */
  readonly rate: Rate;
  /** Whether the gateway is cut off from Redis now. */
  stale: boolean;
  /** The newest second of Redis' clock that the stream told. */
  second: number;
  /** A number that finds an error's line in the log. */
  requestId(): string;
  /** A connection closed. Called once for each. */
  gone(connection: Connection): void;
}
