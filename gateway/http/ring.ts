import type { FastifyInstance, FastifyReply, onRequestAsyncHookHandler } from 'fastify';
import { ownerOf, SHARDS, shardOf } from '../../protocol/ring.ts';
import { placementKey, urlWithKey } from '../edge/placement.ts';
import { endpointOf } from '../ring/endpoint.ts';
import type { PodsOnBoard } from '../ring/pod-board.ts';
import type { RingSource } from '../ring/ring-source.ts';
import { shardCounts } from '../ring/shard-counts.ts';
import type { PlacementSettings } from '../settings/declaration.ts';
import { ApiError } from './api-error.ts';
import { type Query, readNames } from './query.ts';

export const ringPaths = { ring: '/v1/ring', route: '/v1/route' } as const;

/** Characters of a key that is asked for. */
export const KEY_LENGTH = 1_024;

export interface RingRoutes {
  readonly ring: RingSource;
  readonly placement: PlacementSettings;
  /** Lets only those in who may ask. */
  readonly admit: onRequestAsyncHookHandler;
}

/** What the ring is, and where a key belongs. */
export function addRing(app: FastifyInstance, { ring, placement, admit }: RingRoutes): void {
  app.get<{ Querystring: Query }>(ringPaths.ring, { onRequest: admit }, async (request, reply) => {
    readNames(request.query, []);
    return send(reply, await ringBody(ring));
  });
  app.get<{ Querystring: Query }>(ringPaths.route, { onRequest: admit }, async (request, reply) =>
    send(reply, routeBody(ring, placement, readKey(request.query))),
  );
}

function readKey(query: Query): string {
  readNames(query, ['key']);
  const { key } = query;
  if (typeof key === 'string' && key.length >= 1 && key.length <= KEY_LENGTH) return key;
  throw new ApiError('bad_request', `key: 1 to ${KEY_LENGTH} characters, once`);
}

async function ringBody(source: RingSource): Promise<object> {
  const { kind, writer } = source;
  const { current } = source.keeper;
  if (current === undefined) return { source: kind, shards: SHARDS, writer, members: [] };
  const { ring, version, digest } = current;
  // The ring is worth telling also when nobody can be asked how busy they are.
  const board = await source.pods().catch(() => undefined);
  const shards = shardCounts(ring);
  const members = ring.members.map((member) => ({
    ...member,
    shards: shards.get(member.id),
    load: loadOf(board, member.id),
  }));
  return { source: kind, cluster: ring.cluster, shards: SHARDS, version, digest, writer, members };
}

function loadOf(board: PodsOnBoard | undefined, id: string): object | undefined {
  const beat = board?.beats.get(id);
  if (board === undefined || beat === undefined) return undefined;
  const { connections, utilisation } = beat.load;
  return { connections, utilisation, ageMs: Math.max(0, board.time.now - beat.at) };
}

function routeBody({ keeper }: RingSource, placement: PlacementSettings, key: string): object {
  const shard = shardOf(key);
  const ring = keeper.current?.ring;
  // Without a ring every gateway is as good as any other.
  if (ring === undefined) return { key, shard };
  const owner = ownerOf(ring, shard);
  const endpoint = endpointOf(owner, placement.podEndpoint);
  const url = endpoint && urlWithKey(endpoint, placementKey(placement.key), key);
  return { key, shard, owner: owner.id, url };
}

function send(reply: FastifyReply, body: object) {
  return reply.type('application/json; charset=utf-8').send(JSON.stringify(body));
}
