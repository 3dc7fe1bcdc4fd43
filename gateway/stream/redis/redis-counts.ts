/** What a RedisLog counts. */
export interface RedisLogCounts {
  /** A connection to Redis was lost. */
  disconnected(connection: ConnectionName): void;
  /** Reports of what was known came after the change of lineage was settled. */
  lateLossReports(topics: number): void;
  /** A batch was written, and Redis refused to send its live copy. */
  silentPublish(reason: string): void;
  /** Somebody else's message on one of our channels. */
  foreignMessage(): void;
}

/** `ring`: not of the log itself, but beside it on the same Redis. */
export type ConnectionName = 'publish' | 'control' | 'bell' | 'ring' | 'wire';

const nothing = () => {};

export const silentRedisLogCounts: RedisLogCounts = {
  disconnected: nothing,
  lateLossReports: nothing,
  silentPublish: nothing,
  foreignMessage: nothing,
};
