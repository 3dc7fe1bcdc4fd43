import { isEpoch } from '../../protocol/position.ts';
import { decodeName, encodeName } from './keys.ts';
import type { LogDraft } from './log.ts';
import type { Entry, SessionKey } from './stream.ts';

/**
 * How an entry is written in Redis.
 *
 * In the Stream, under the id `seq-0`, two fields: `h` = `<epoch> <ms>` and `m`, the blob: one
 * byte for the encoding of the data (0 JSON, 1 msgpack), one for the length of the id (0: none),
 * the id `producer:seq`, the data as it was published.
 *
 * On a topic's channel, one line and then the blobs one after another:
 *
 *     e <epoch> <seq> <ms>                 one entry, all that follows is its blob
 *     b <epoch> <from> <ms> <len>,<len>,…  several, with the length of each blob
 *     a <epoch> <from> <to>                too large to be sent along: read the log
 *
 * On a pod's own channel:
 *
 *     p <token>                            a probe that it sent
 *     s <generation> <identity> <session>  another pod opened this session (identity: base64url)
 *
 * Everything that comes from Redis is judged here: what is not of these forms is undefined.
 */
export type TopicMessage =
  | { readonly type: 'entries'; readonly entries: readonly Entry[]; readonly second: number }
  | { readonly type: 'announced'; readonly epoch: string; readonly from: number; to: number };

export type PodMessage =
  | { readonly type: 'probed'; readonly token: string }
  | { readonly type: 'superseded'; readonly key: SessionKey; readonly generation: number };

type Content = Pick<Entry, 'id' | 'data'>;

const ENCODINGS = ['json', 'msgpack'] as const;
const NEWLINE = 0x0a;
/** Longer than any header line that we write. */
const HEADER_BYTES = 65_536;

export function encodeBlob({ producer, data }: LogDraft): Buffer {
  const id = producer === undefined ? '' : `${producer.id}:${producer.seq}`;
  const blob = Buffer.allocUnsafe(2 + id.length + data.bytes.length);
  blob[0] = ENCODINGS.indexOf(data.encoding);
  blob[1] = blob.write(id, 2, 'latin1');
  blob.set(data.bytes, 2 + id.length);
  return blob;
}

export function decodeBlob(blob: Buffer): Content | undefined {
  const encoding = ENCODINGS[blob[0] ?? ENCODINGS.length];
  const start = 2 + (blob[1] ?? 0);
  if (encoding === undefined || blob.length <= start) return undefined;
  const data = { encoding, bytes: blob.subarray(start) };
  return start === 2 ? { data } : { id: blob.toString('latin1', 2, start), data };
}

/** One entry as XRANGE returns it. */
export function decodeEntry(id: Buffer, head: Buffer, blob: Buffer): Entry | undefined {
  const seq = count(id.toString('latin1').replace(/-0$/, ''));
  const [epoch = '', at = ''] = head.toString('latin1', 0, 64).split(' ');
  const content = decodeBlob(blob);
  const ms = count(at);
  if (seq === undefined || ms === undefined || content === undefined) return undefined;
  return isEpoch(epoch) ? { epoch, seq, at: ms, ...content } : undefined;
}

export function decodeTopicMessage(message: Buffer): TopicMessage | undefined {
  const newline = message.subarray(0, HEADER_BYTES).indexOf(NEWLINE);
  const line = message.toString('latin1', 0, newline < 0 ? HEADER_BYTES : newline);
  const [kind = '', epoch = '', first = '', third = '', lengths] = line.split(' ');
  const from = count(first);
  const number = count(third);
  if (!isEpoch(epoch) || from === undefined || number === undefined) return undefined;
  if (kind === 'a') return { type: 'announced', epoch, from, to: number };
  const body = message.subarray(newline + 1);
  const blobs = kind === 'e' ? [body] : kind === 'b' ? split(body, lengths ?? '') : undefined;
  if (newline < 0 || blobs === undefined) return undefined;
  const entries: Entry[] = [];
  for (const blob of blobs) {
    const content = decodeBlob(blob);
    if (content === undefined) return undefined;
    entries.push({ epoch, seq: from + entries.length, at: number, ...content });
  }
  return { type: 'entries', entries, second: Math.floor(number / 1000) };
}

function split(body: Buffer, lengths: string): Buffer[] | undefined {
  const blobs: Buffer[] = [];
  let start = 0;
  for (const text of lengths.split(',')) {
    const length = count(text);
    if (length === undefined) return undefined;
    blobs.push(body.subarray(start, start + length));
    start += length;
  }
  return start === body.length ? blobs : undefined;
}

export function decodePodMessage(message: Buffer): PodMessage | undefined {
  const [kind, first = '', identity, session] = message.toString('latin1', 0, 4_096).split(' ');
  if (kind === 'p') return { type: 'probed', token: first };
  const generation = count(first);
  if (kind !== 's' || generation === undefined) return undefined;
  if (identity === undefined || session === undefined) return undefined;
  return { type: 'superseded', key: { identity: decodeName(identity), session }, generation };
}

/** What `superseded` carries after its generation. */
export const encodeSession = ({ identity, session }: SessionKey): string =>
  `${encodeName(identity)} ${session}`;

/** A non-negative safe integer, or undefined. */
export function count(text: string): number | undefined {
  if (!/^(0|[1-9][0-9]{0,15})$/.test(text)) return undefined;
  const value = Number(text);
  return Number.isSafeInteger(value) ? value : undefined;
}
