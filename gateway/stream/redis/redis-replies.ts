import { isEpoch, type Position, parsePosition } from '../../../protocol/position.ts';
import type { ChainLink, Excerpt, TopicHistory } from '../chain.ts';
import { type Probe, StoreUnknown } from '../log.ts';
import type { Entry, OpenedSession, Outcome } from '../stream.ts';
import { TOO_LATE } from '../too-late.ts';
import { count, decodeEntry } from './entry-codec.ts';
import { decodeName } from './keys.ts';
import { refusal } from './redis-errors.ts';
import type { Written } from './write-count.ts';

/**
 * What the scripts answer, judged: whatever Redis or somebody in its place says, the result is of
 * these types or a `StoreUnknown` that says what was not understood.
 */

type Reply = readonly unknown[];

function notUnderstood(script: string): StoreUnknown {
  return new StoreUnknown(`Redis gave an answer to ${script} that cannot be`);
}

function text(value: unknown): string {
  if (Buffer.isBuffer(value)) return value.toString();
  return typeof value === 'number' ? String(value) : '';
}

const number = (value: unknown): number | undefined => count(text(value));

export interface Published {
  readonly outcomes: Outcome[];
  /** Of Redis' clock, milliseconds since 1970. */
  readonly at: number;
  /** Why the live copy was not sent. */
  readonly silent: string | undefined;
  readonly written: Written | undefined;
}

/** Only where INFO is hidden. */
function readWritten(lineage: string, written: string): Written | undefined {
  const total = count(written);
  return total === undefined || lineage.length !== 40 ? undefined : { lineage, count: total };
}

export function publishOutcomes(reply: unknown, drafts: number): Published {
  const [line, ...rest] = Array.isArray(reply) ? reply.map(text) : [text(reply)];
  const [epoch = '', first = '', ms = '', lineage = '', writes = ''] = (line ?? '').split(' ');
  const [from, at] = [count(first), count(ms)];
  const statuses = rest.length === 0 ? Array.from({ length: drafts }, () => 'w') : rest;
  if (!isEpoch(epoch) || from === undefined || at === undefined || statuses.length < drafts) {
    throw notUnderstood('publish');
  }
  const confirmed = Math.floor(at / 1000);
  let seq = from;
  const outcomes = statuses.slice(0, drafts).map((status): Outcome => {
    if (status !== 'w') return publishOutcome(status);
    const position = { epoch, seq, confirmed };
    seq += 1;
    return { outcome: 'ok', position, duplicate: false };
  });
  const silent = statuses[drafts]?.replace(/^! /, '');
  return { outcomes, at, silent, written: readWritten(lineage, writes) };
}

function publishOutcome(status: string): Outcome {
  const [kind, ...words] = status.split(' ');
  const why = words.join(' ');
  if (kind === 'd') {
    const [epoch, seq, second] = words;
    const position = parsePosition(`${epoch}:${seq}@${second}`);
    if (position !== undefined) return { outcome: 'ok', position, duplicate: true };
  }
  if (kind === 'c') {
    const message = 'this id was used for another payload';
    return { outcome: 'failed', code: 'conflict', message };
  }
  if (kind === 'l') return TOO_LATE;
  if (kind === 'r') {
    const message = 'a later message of this producer was written';
    return { outcome: 'failed', code: 'out_of_order', message };
  }
  if (kind === 'o') {
    const message = 'too many publishes with an id in one window of this topic';
    return { outcome: 'failed', code: 'overloaded', message };
  }
  if (kind === 'x') {
    return (
      refusal(why) ?? { outcome: 'failed', code: 'internal', message: `Redis refused: ${why}` }
    );
  }
  return { outcome: 'unknown', code: 'unknown_outcome', message: `Redis answered: ${why}` };
}

export type ResumeReply = UnbornReply | TopicReply;

interface World {
  /** `<replication id>/<world's epoch>`: a wiped Redis is another lineage too. */
  readonly lineage: string;
  readonly world: string;
  /** The master's clock, seconds. */
  readonly second: number;
  /** Second of the newest change of lineage. */
  readonly changed: number;
  readonly unsettledMs: number;
}

export interface UnbornReply extends World {
  readonly type: 'unborn';
  readonly logExists: boolean;
}

export interface TopicReply extends World {
  readonly type: 'topic';
  readonly history: TopicHistory;
  readonly excerpt: Excerpt;
}

export function resumeReply(reply: unknown): ResumeReply {
  const values: Reply = Array.isArray(reply) ? reply : [];
  const [type, rid, world] = [text(values[0]), text(values[1]), text(values[3])];
  const [second, changed, unsettledMs] = [values[2], values[4], values[5]].map(number);
  if (second === undefined || changed === undefined || unsettledMs === undefined) {
    throw notUnderstood('resume');
  }
  if (!isEpoch(world)) throw notUnderstood('resume');
  const common = { lineage: `${rid}/${world}`, world, second, changed, unsettledMs };
  if (type === 'unborn') return { ...common, type, logExists: number(values[6]) === 1 };
  const [epoch, seq] = [text(values[6]), number(values[7])];
  if (type !== 'topic' || !isEpoch(epoch) || seq === undefined) throw notUnderstood('resume');
  const history = { epoch, seq, ...readChain(text(values[8])) };
  const excerpt = { entries: readEntries(values.slice(10)), exhausted: number(values[9]) === 1 };
  return { ...common, type, history, excerpt };
}

/** Ascending, as `latest` gives them too once they are sorted. */
function readEntries(values: Reply): Entry[] {
  const entries: Entry[] = [];
  for (let at = 0; at + 1 < values.length; at += 2) {
    const [id, stored] = [text(values[at]), values[at + 1]];
    const entry = Buffer.isBuffer(stored) ? decodeEntry(stored) : undefined;
    if (entry === undefined || id !== `${entry.seq}-0`) throw notUnderstood('resume');
    entries.push(entry);
  }
  return entries.sort((one, other) => one.seq - other.seq);
}

/** The text that is described in chain.lua; nothing, where the cursor does not need it. */
function readChain(chain: string): Pick<TopicHistory, 'chain' | 'birth'> {
  if (chain === '') return { chain: [], birth: 0 };
  const [times = '', ...links] = chain.split(';');
  const birth = count(times.split(' ')[0] ?? '');
  if (birth === undefined) throw notUnderstood('resume');
  return { chain: links.map(readLink), birth };
}

function readLink(link: string): ChainLink {
  const [epochs = '', ...numbers] = link.split(':');
  const [limit, known, since] = numbers.map(count);
  if (limit === undefined || known === undefined || since === undefined) {
    throw notUnderstood('resume');
  }
  return { epochs: epochs.split(','), limit, known, since };
}

export function probeReply(reply: unknown): {
  probe: Probe;
  /** undefined where INFO is hidden. */
  replicationId: string | undefined;
  written: Written | undefined;
} {
  const values: Reply = Array.isArray(reply) ? reply : [];
  const [rid, world, second] = [text(values[0]), text(values[1]), number(values[2])];
  if (!isEpoch(world) || second === undefined) throw notUnderstood('probe');
  const probe = { lineage: `${rid}/${world}`, second };
  const written = readWritten(rid, text(values[3]));
  return { probe, replicationId: written === undefined ? rid : undefined, written };
}

export interface SessionReply extends Omit<OpenedSession, 'forgotten'> {
  /** Names of sessions that the identity had too many, to be deleted. */
  readonly forgotten: readonly string[];
}

export function sessionReply(reply: unknown): SessionReply {
  const values: Reply = Array.isArray(reply) ? reply : [];
  const generation = number(values[0]);
  if (generation === undefined) throw notUnderstood('session-open');
  const cursors = new Map<string, Position>();
  const unwritten = text(values[1]);
  const forgotten = Array.isArray(values[2]) ? values[2].map(text) : [];
  for (let at = 3; at + 1 < values.length; at += 2) {
    const position = parsePosition(text(values[at + 1]));
    if (position === undefined) throw notUnderstood('session-open');
    cursors.set(decodeName(text(values[at]).slice(2)), position);
  }
  return { generation, cursors, forgotten, ...(unwritten === '' ? {} : { unwritten }) };
}
