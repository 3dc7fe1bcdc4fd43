import type { Msg } from '../../protocol/events.ts';
import { jsonCodec } from '../../protocol/json.ts';
import { formatPosition, type Position, parsePosition } from '../../protocol/position.ts';
import { topicProblem } from '../../protocol/topic.ts';
import { positionOf, samePlace } from '../hub/deliveries.ts';
import type { Entry, Page, PageStep, Stream } from '../stream/stream.ts';
import { ApiError } from './api-error.ts';

/** A request for a page, read from path and query. */
export interface HistoryRequest {
  readonly topic: string;
  readonly from: { readonly after: Position } | { readonly latest: number };
  /** Most entries of the page. */
  readonly limit: number;
}

const DEFAULT_ENTRIES = 100;
const KNOWN = new Set(['after', 'limit', 'latest']);

/** Throws `ApiError`. */
export function readHistory(topic: string, query: Query, maxEntries: number): HistoryRequest {
  const problem = topicProblem(topic);
  if (problem !== undefined) throw new ApiError('bad_topic', problem);
  for (const name of Object.keys(query)) {
    if (!KNOWN.has(name)) {
      throw new ApiError('bad_request', 'the query may hold after and limit, or latest');
    }
  }
  const { after, limit, latest } = query;
  const most = Math.min(DEFAULT_ENTRIES, maxEntries);
  if (after === undefined) {
    if (limit !== undefined) throw new ApiError('bad_request', 'limit: needs after; or use latest');
    const count = entriesOf('latest', latest ?? String(most), maxEntries);
    return { topic, from: { latest: count }, limit: count };
  }
  if (latest !== undefined) throw new ApiError('bad_request', 'after or latest, not both');
  const position = parsePosition(after);
  if (position === undefined) throw new ApiError('bad_position', 'after: epoch:seq@seconds');
  const count = entriesOf('limit', limit ?? String(most), maxEntries);
  return { topic, from: { after: position }, limit: count };
}

type Query = Readonly<Record<string, unknown>>;

function entriesOf(name: string, value: unknown, max: number): number {
  const count = typeof value === 'string' && /^\d{1,9}$/.test(value) ? Number(value) : 0;
  if (count >= 1 && count <= max) return count;
  throw new ApiError('bad_request', `${name}: a whole number from 1 to ${max}`);
}

/** One page, as JSON text: events in the form of WebSocket frames, and where to go on. */
export async function historyPage(
  stream: Stream,
  request: HistoryRequest,
  maxBytes: number,
): Promise<Buffer> {
  const { topic, from, limit } = request;
  const page =
    'latest' in from
      ? await stream.latest(topic, from.latest)
      : await stream.read(topic, from.after, { entries: limit, bytes: maxBytes });
  return pageText(topic, page);
}

function pageText(topic: string, page: Page): Buffer {
  const events = page.steps.map((step) => jsonCodec.encodeEvent(eventOf(topic, step)));
  const parts: Uint8Array[] = [Buffer.from(`{"topic":${JSON.stringify(topic)},"events":[`)];
  for (const [index, event] of events.entries()) {
    if (index > 0) parts.push(Buffer.from(','));
    parts.push(event);
  }
  const next = formatPosition(page.cursor);
  const head = formatPosition(page.head);
  const more = !samePlace(page.cursor, page.head);
  parts.push(Buffer.from(`],"next":"${next}","head":"${head}","more":${more}}`));
  return Buffer.concat(parts);
}

function eventOf(topic: string, step: PageStep) {
  if (step.kind === 'gap') return { type: 'gap', topic, ...step.gap } as const;
  return messageOf(topic, step.entry);
}

function messageOf(topic: string, entry: Entry): Msg {
  const { at, id, data } = entry;
  const event = { type: 'msg', topic, position: positionOf(entry), data, at } as const;
  return id === undefined ? event : { ...event, id };
}
