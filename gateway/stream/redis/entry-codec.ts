import { isEpoch } from '../../../protocol/position.ts';
import type { LogDraft } from '../log.ts';
import type { Entry, SessionKey } from '../stream.ts';
import { decodeName, encodeName } from './keys.ts';

/**
 * How an entry is written in Redis.
 *
 * In the Stream, under the id `seq-0`, one field `m`: a line `e <epoch> <seq> <ms>`, then the
 * blob: one byte for the encoding of the data (0 JSON, 1 msgpack), one for the length of the id
 * (0: none), the id `producer:seq`, the data as it was published.
 *
 * On a topic's channel:
 *
 *     e <epoch> <seq> <ms>\n<blob>      one entry, byte for byte as in the Stream
 *     b <len>,<len>,…\n<entry><entry>…  several of these, with their lengths
 *     a <epoch> <from> <to>             too large to be sent along: read the log
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
const LETTER_B = 0x62;
const LETTER_E = 0x65;
/** Longer than the line of any entry or announcement that we write. */
const ENTRY_LINE_BYTES = 128;

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

/** An entry as it is in the Stream. */
export function decodeEntry(stored: Buffer): Entry | undefined {
  const newline = stored.subarray(0, ENTRY_LINE_BYTES).indexOf(NEWLINE);
  if (newline < 0) return undefined;
  const [kind, epoch = '', number = '', ms = ''] = words(stored, newline);
  const [seq, at] = [count(number), count(ms)];
  const content = decodeBlob(stored.subarray(newline + 1));
  if (kind !== 'e' || !isEpoch(epoch) || content === undefined) return undefined;
  return seq === undefined || at === undefined ? undefined : { epoch, seq, at, ...content };
}

export function decodeTopicMessage(message: Buffer): TopicMessage | undefined {
  switch (message[0]) {
    case LETTER_E:
      return together([decodeEntry(message)]);
    case LETTER_B:
      return decodeBatch(message);
    default:
      return decodeAnnouncement(message);
  }
}

function decodeAnnouncement(message: Buffer): TopicMessage | undefined {
  const [kind, epoch = '', first = '', last = ''] = words(message, ENTRY_LINE_BYTES);
  const [from, to] = [count(first), count(last)];
  if (kind !== 'a' || !isEpoch(epoch) || from === undefined || to === undefined) return undefined;
  return { type: 'announced', epoch, from, to };
}

function decodeBatch(message: Buffer): TopicMessage | undefined {
  const newline = message.indexOf(NEWLINE);
  if (newline < 0) return undefined;
  const entries: (Entry | undefined)[] = [];
  let start = newline + 1;
  for (const text of message.toString('latin1', 2, newline).split(',')) {
    const length = count(text);
    if (length === undefined) return undefined;
    entries.push(decodeEntry(message.subarray(start, start + length)));
    start += length;
  }
  return start === message.length ? together(entries) : undefined;
}

/** One message of entries that follow each other, or undefined if one is missing. */
function together(found: readonly (Entry | undefined)[]): TopicMessage | undefined {
  const entries = found.filter((entry) => entry !== undefined);
  const [first] = entries;
  if (first === undefined || entries.length < found.length) return undefined;
  const dense = entries.every(({ seq, epoch }, index) => {
    return seq === first.seq + index && epoch === first.epoch;
  });
  return dense ? { type: 'entries', entries, second: Math.floor(first.at / 1000) } : undefined;
}

const words = (text: Buffer, end: number): string[] => text.toString('latin1', 0, end).split(' ');

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
