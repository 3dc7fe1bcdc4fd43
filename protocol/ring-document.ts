import { sha256 } from '@noble/hashes/sha2.js';
import { utf8ToBytes } from '@noble/hashes/utils.js';
import {
  type Member,
  membersProblem,
  type Ring,
  type RingVersion,
  ringLimits,
  SHARDS,
} from './ring.ts';

/**
 * The ring as text: JSON in one spelling only, so that equal rings are equal texts. Members are
 * tuples with a table of zones; owners are packed with as few bits as the members need. Below
 * 64 KiB at 500 members with names and addresses as pods have them.
 *
 *     {"format":1,"cluster":"…","version":[generation,counter],"zones":["a",…],
 *      "members":[["id",weight,zone,"host:port"],…],"owners":"base64url"}
 */
const FORMAT = 1;
/** The largest document that is read: the most members, with long names. */
export const ringDocumentBytes = 256 * 1024;

/** Not a ring document, or one that this version does not understand; the message says why. */
class RingDocumentError extends Error {
  override readonly name = 'RingDocumentError';
}

export function encodeRing({ cluster, version, members, owners }: Ring): string {
  const zones = [...new Set(members.map(({ zone }) => zone))].sort();
  return JSON.stringify({
    format: FORMAT,
    cluster,
    version: [version.generation, version.counter],
    zones,
    members: members.map(({ id, weight, zone, address }) => [
      ...[id, weight, zones.indexOf(zone), address],
    ]),
    owners: packOwners(owners, members.length),
  });
}

/** Decides between two rings of the same version: the higher one wins. */
export function ringDigest(document: string): string {
  return sha256(utf8ToBytes(document)).toHex();
}

/** Throws a RingDocumentError for anything but what `encodeRing` writes. */
export function decodeRing(document: string): Ring {
  if (document.length > ringDocumentBytes) {
    throw new RingDocumentError(`longer than ${ringDocumentBytes} characters`);
  }
  const ring = ringOf(parse(document));
  if (encodeRing(ring) !== document) {
    throw new RingDocumentError('not in the one spelling that a ring document has');
  }
  return ring;
}

function parse(document: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(document);
  } catch {
    throw new RingDocumentError('not JSON');
  }
  if (!isRecord(value)) throw new RingDocumentError('not an object');
  return value;
}

function ringOf(fields: Record<string, unknown>): Ring {
  const { format, cluster, zones, owners } = fields;
  if (format !== FORMAT) {
    throw new RingDocumentError(`format must be ${FORMAT}, not ${JSON.stringify(format)}`);
  }
  if (typeof cluster !== 'string' || !CLUSTER.test(cluster)) {
    throw new RingDocumentError(
      `cluster must be 1 to ${ringLimits.clusterLength} of 0-9 A-Z a-z -`,
    );
  }
  if (!Array.isArray(zones) || !zones.every((zone) => typeof zone === 'string')) {
    throw new RingDocumentError('zones must be texts');
  }
  const members = membersOf(fields['members'], zones);
  return {
    cluster,
    version: versionOf(fields['version']),
    members,
    owners: unpackOwners(owners, members.length),
  };
}

const CLUSTER = new RegExp(`^[0-9A-Za-z-]{1,${ringLimits.clusterLength}}$`);

function versionOf(value: unknown): RingVersion {
  const [generation, counter] = Array.isArray(value) && value.length === 2 ? value : [];
  if (!isCount(generation) || !isCount(counter)) {
    throw new RingDocumentError('version must be [generation, counter], whole numbers from 0');
  }
  return { generation, counter };
}

function membersOf(value: unknown, zones: readonly string[]): readonly Member[] {
  if (!Array.isArray(value)) throw new RingDocumentError('members must be an array');
  if (value.length > ringLimits.members) {
    throw new RingDocumentError(`members must be at most ${ringLimits.members}`);
  }
  const members = value.map((tuple) => memberOf(tuple, zones));
  for (const [place, { id }] of members.entries()) {
    const before = members[place - 1];
    if (before !== undefined && before.id >= id) {
      throw new RingDocumentError('members must be sorted by id, each there once');
    }
  }
  const problem = membersProblem(members);
  if (problem !== undefined) throw new RingDocumentError(problem);
  return members;
}

function memberOf(tuple: unknown, zones: readonly string[]): Member {
  const [id, weight, zone, address] = Array.isArray(tuple) && tuple.length === 4 ? tuple : [];
  const known = isCount(zone) ? zones[zone] : undefined;
  if (typeof id !== 'string' || typeof weight !== 'number' || typeof address !== 'string') {
    throw new RingDocumentError('a member must be [id, weight, zone, address]');
  }
  if (known === undefined) throw new RingDocumentError(`the zone of ${id} is not in the table`);
  return { id, weight, zone: known, address };
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Bits that the place of one of so many members needs; at least one. */
function bitsFor(members: number): number {
  return Math.max(1, 32 - Math.clz32(members - 1));
}

/** Most significant bit first, each owner behind the other; `SHARDS` of them fill whole bytes. */
function packOwners(owners: Uint16Array, members: number): string {
  const bits = bitsFor(members);
  const bytes = new Uint8Array((SHARDS * bits) / 8);
  let held = 0;
  let count = 0;
  let end = 0;
  for (const owner of owners) {
    held = (held << bits) | owner;
    count += bits;
    while (count >= 8) {
      count -= 8;
      bytes[end] = held >>> count;
      end += 1;
    }
    held &= (1 << count) - 1;
  }
  return bytes.toBase64({ alphabet: 'base64url', omitPadding: true });
}

function bytesOf(text: unknown): Uint8Array | undefined {
  try {
    return Uint8Array.fromBase64(String(text), { alphabet: 'base64url' });
  } catch {
    return undefined;
  }
}

function unpackOwners(text: unknown, members: number): Uint16Array {
  const bits = bitsFor(members);
  const bytes = bytesOf(text);
  if (bytes?.length !== (SHARDS * bits) / 8) {
    throw new RingDocumentError(`owners must be ${SHARDS} of ${bits} bits each, as base64url`);
  }
  const owners = new Uint16Array(SHARDS);
  let held = 0;
  let count = 0;
  let next = 0;
  for (let shard = 0; shard < SHARDS; shard += 1) {
    while (count < bits) {
      held = (held << 8) | (bytes[next] as number);
      next += 1;
      count += 8;
    }
    count -= bits;
    const owner = held >>> count;
    held &= (1 << count) - 1;
    if (owner >= members)
      throw new RingDocumentError(`shard ${shard} has an owner who is no member`);
    owners[shard] = owner;
  }
  return owners;
}
