import type { IncomingMessage } from 'node:http';
import { type RingVersion, shardOf } from '../../protocol/ring.ts';
import type { Identity } from './identity.ts';

/** Where a client belongs. */
export interface Elsewhere {
  readonly pod: string;
  /** The URL at which clients reach that pod and no other; undefined: any one brings them there. */
  readonly to: string | undefined;
}

/** The gateway to which a client belongs. */
export interface Owner {
  readonly pod: string;
  /** `host:port` at which gateways reach it. */
  readonly address: string;
}

/**
 * Which gateway owns which clients, as far as this one knows. It is an optimisation: whoever does
 * not know serves in place.
 */
export interface Placement {
  /** By what connections are placed. */
  readonly key: PlacementKey;
  /** Another number after each change of who owns what. */
  readonly version: number;
  /** Of the ring that says so, the same for all gateways that have it; undefined: there is none. */
  readonly ring: RingVersion | undefined;
  /** Whether this gateway owns anything. True also while nobody knows. */
  readonly hasPlace: boolean;
  /** Whether the shard is this gateway's. True also while nobody knows. */
  isHere(shard: number): boolean;
  /** Whether there is no other gateway to which anybody could go, as far as is known. */
  readonly alone: boolean;
  /** Where clients of the shard are to be sent; undefined: nowhere, they are served here. */
  elsewhere(shard: number): Elsewhere | undefined;
  /** Where clients of the shard go that cannot stay; undefined: wherever they are let in. */
  refuge(shard: number): Elsewhere | undefined;
  /** Whether clients that arrive at the wrong gateway are passed on to their owner. */
  readonly proxies: boolean;
  /** Whether clients can be told how to reach one gateway and no other. */
  readonly redirects: boolean;
  /** To whom clients of the shard are passed on; undefined: nobody, they are served here. */
  owner(shard: number): Owner | undefined;
  /** Whether the gateway had a place in the ring and has none any more. */
  hasLeft(pod: string): boolean;
  /** Clients per second that this gateway may disturb now: its part of the cluster's budget. */
  share(): number;
}

/** `name` is empty for `sub`. */
export interface PlacementKey {
  readonly from: 'sub' | 'claim' | 'query' | 'header';
  readonly name: string;
}

/** `sub`, `claim:<name>`, `query:<name>` or `header:<name>`, as the settings have it. */
export function placementKey(text: string): PlacementKey {
  const colon = text.indexOf(':');
  const [from, name] = [text.slice(0, colon), text.slice(colon + 1)];
  if (from === 'claim' || from === 'query') return { from, name };
  return from === 'header' ? { from, name: name.toLowerCase() } : { from: 'sub', name: '' };
}

/** The claim that is the key; undefined: the key is something else. */
export function claimOf(text: string): string | undefined {
  const { from, name } = placementKey(text);
  return from === 'claim' ? name : undefined;
}

/** Nobody owns anything: each client is at home where it arrives. */
export const servedInPlace = (movesPerSecond = 200): Placement => ({
  key: { from: 'sub', name: '' },
  version: 0,
  ring: undefined,
  hasPlace: true,
  alone: false,
  isHere: () => true,
  elsewhere: () => undefined,
  refuge: () => undefined,
  proxies: false,
  redirects: false,
  owner: () => undefined,
  hasLeft: () => false,
  share: () => movesPerSecond,
});

/** Characters of a key that count: a header may be long. */
const KEY_LENGTH = 1_024;

/** The key in the request of an upgrade, where that is its place. */
export function keyOfRequest(
  { url = '', headers }: Pick<IncomingMessage, 'url' | 'headers'>,
  { from, name }: PlacementKey,
): string | undefined {
  if (from === 'header') return bounded(String(headers[name] ?? ''));
  if (from !== 'query') return undefined;
  const query = url.indexOf('?');
  if (query === -1) return undefined;
  return bounded(new URLSearchParams(url.slice(query + 1)).get(name) ?? '');
}

/**
 * The URL by which a client keeps its key: in the query when that is where it stands. A client that
 * goes elsewhere opens just the URL that it is told.
 */
export function urlWithKey(
  to: string,
  { from, name }: PlacementKey,
  key: string | undefined,
): string {
  const url = from === 'query' && key ? URL.parse(to) : null;
  url?.searchParams.set(name, key ?? '');
  return url?.href ?? to;
}

/** What a client can be placed by. */
export interface Placed {
  /** Of the request of its upgrade. */
  readonly request: string | undefined;
  readonly identity: Identity;
  readonly session: string;
}

/** The shard of a client: by its key, or by its session when that is empty. */
export function shardOfClient(key: PlacementKey, client: Placed): number {
  return shardOf(keyOf(key, client) || client.session);
}

export function isPlacedBySession(key: PlacementKey, client: Omit<Placed, 'session'>): boolean {
  return !keyOf(key, client);
}

function keyOf({ from }: PlacementKey, { request, identity }: Omit<Placed, 'session'>) {
  if (from === 'sub') return identity.name;
  return from === 'claim' ? identity.key : request;
}

const bounded = (key: string) => key.slice(0, KEY_LENGTH);
