/** What `import … from '@wscluster/client'` offers. */

export type { Clock, Random, Timer } from '../protocol/clock.ts';
export type { ErrorName, GapReason, MoveReason } from '../protocol/code-table.ts';
export type { AckLevel } from '../protocol/commands.ts';
export type { Welcome } from '../protocol/events.ts';
export { Client, type ClientEvents } from './client.ts';
export type { ConnectionState, Moved, StateChange } from './connection.ts';
export {
  ClientError,
  type ClientErrorCode,
  type OptionProblem,
  OptionsError,
  PublishError,
} from './errors.ts';
export type { Handler } from './events.ts';
export type { Gap, Message, Staleness } from './message.ts';
export type { ClientOptions } from './options.ts';
export type { Published, PublishOptions } from './outbound.ts';
export type { Platform, PlatformListener, SocketFactory, SocketLike } from './platform.ts';
export {
  type Persistence,
  type PositionStorage,
  persisted,
  type SavedPositions,
  webStorage,
} from './storage.ts';
export type {
  Resync,
  SubscribeOptions,
  Subscription,
  SubscriptionChange,
  SubscriptionEvents,
  SubscriptionState,
} from './subscription.ts';
export type { Token, TokenFunction, TokenRequest } from './token.ts';
