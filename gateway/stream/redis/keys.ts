import type { SessionKey } from '../stream.ts';

/**
 * The only place that spells a key or a channel of Redis.
 *
 * Everything of one partition shares the hash tag `{n}`, so that a script touches one slot of a
 * Redis Cluster. There is one partition now; with more, `partition` chooses by the topic, and
 * nothing else changes. A topic is base64url of its UTF-8: whatever it contains, it is one key.
 */
export interface Keys {
  /** What every script of the partition needs: world, pods, unreported. */
  readonly partition: readonly [world: string, pods: string, unreported: string];
  log(topic: string): string;
  meta(topic: string): string;
  /** Two hashes that take turns: what producers were answered in even and in odd windows. */
  answers(topic: string): readonly [even: string, odd: string];
  session(key: SessionKey): string;
  /** What the pods of a cluster tell each other (`gateway/ring/redis`). Its UID needs no coding. */
  board(cluster: string): readonly [board: string, beats: string, facts: string];
  /** Names of the sessions of an identity, and when each was used last. */
  sessions(identity: string): string;
  topicChannel(topic: string): string;
  podChannel(pod: string): string;
  /** Where the pods of a cluster ask each other, and where one of them gets its answers. */
  clusterChannel(cluster: string, pod?: string): string;
}

export function redisKeys(prefix: string): Keys {
  const base = `${prefix}:{0}:`;
  return {
    partition: [`${base}world`, `${base}pods`, `${base}unreported`],
    log: (topic) => `${base}log:${encodeName(topic)}`,
    meta: (topic) => `${base}meta:${encodeName(topic)}`,
    answers: (topic) => {
      const name = encodeName(topic);
      return [`${base}ids0:${name}`, `${base}ids1:${name}`];
    },
    session: ({ identity, session }) => `${base}cur:${encodeName(identity)}:${session}`,
    board: (cluster) => [
      `${base}ring:${cluster}`,
      `${base}ring-beats:${cluster}`,
      `${base}ring-facts:${cluster}`,
    ],
    sessions: (identity) => `${base}names:${encodeName(identity)}`,
    topicChannel: (topic) => `${base}on:${encodeName(topic)}`,
    podChannel: (pod) => `${base}pod:${encodeName(pod)}`,
    clusterChannel: (cluster, pod) =>
      pod === undefined ? `${base}wire:${cluster}` : `${base}wire:${cluster}:${encodeName(pod)}`,
  };
}

/** Any text as characters that mean nothing to Redis; reversible. */
export const encodeName = (text: string): string => Buffer.from(text).toString('base64url');

export const decodeName = (name: string): string => Buffer.from(name, 'base64url').toString();
