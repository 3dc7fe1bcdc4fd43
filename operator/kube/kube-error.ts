import type { Status } from './resource.ts';

/**
 * What the caller does about it. `expected`: part of every day, and the next look at the world
 * answers it. `retry`: the same call may succeed later. `terminal`: the same call never succeeds;
 * something has to change first, so that only a change tries again.
 */
export type Verdict = 'expected' | 'retry' | 'terminal';

/** What went wrong when no answer of the API server says it. */
export type Failure =
  /** No connection, or it ended before the answer did. */
  | 'Unreachable'
  /** Nothing came within the deadline; whether a write was done is unknown. */
  | 'DeadlineExceeded'
  | 'AnswerTooLarge'
  /** Not JSON, or not the JSON that was asked for. */
  | 'AnswerUnreadable'
  /** No token or certificate could be had. */
  | 'CredentialsUnavailable';

export interface KubeErrorOptions {
  readonly verdict: Verdict;
  /** A reason of the API server (`NotFound`), or a `Failure`. */
  readonly reason: string;
  /** HTTP status; undefined when there was no answer. */
  readonly status?: number;
  /** The API server asks not to be called again before. Milliseconds. */
  readonly retryAfterMs?: number;
  /** What was said where it is not the API server's own word, `ANSWER_SHOWN` characters of it. */
  readonly answer?: string;
  readonly cause?: unknown;
}

/** Everything that a call to the API server can end with, other than its caller's own abort. */
export class KubeError extends Error {
  override readonly name = 'KubeError';
  readonly verdict: Verdict;
  readonly reason: string;
  readonly status: number | undefined;
  readonly retryAfterMs: number | undefined;
  /** Of whoever the API server passed the call on to, or of a proxy in front of it. */
  readonly answer: string | undefined;

  constructor(message: string, options: KubeErrorOptions) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined);
    this.verdict = options.verdict;
    this.reason = options.reason;
    this.status = options.status;
    this.retryAfterMs = options.retryAfterMs;
    this.answer = options.answer;
  }
}

const FAILURES: Readonly<Record<Failure, Verdict>> = {
  Unreachable: 'retry',
  DeadlineExceeded: 'retry',
  // The same question gets the same answer.
  AnswerTooLarge: 'terminal',
  AnswerUnreadable: 'retry',
  CredentialsUnavailable: 'retry',
};

export function failed(reason: Failure, message: string, cause?: unknown): KubeError {
  const options = { verdict: FAILURES[reason], reason };
  return new KubeError(message, cause === undefined ? options : { ...options, cause });
}

/**
 * By HTTP status. All that is not here is tried again: 401 because tokens rotate; 403 because an
 * API server says it while it starts, a quota or a role can change any time, and a namespace that
 * is being deleted takes a while; 408, 429 and 5xx because they say so.
 */
const VERDICTS: ReadonlyMap<number, Verdict> = new Map([
  [404, 'expected'],
  [409, 'expected'],
  [410, 'expected'],
  [400, 'terminal'],
  [405, 'terminal'],
  [406, 'terminal'],
  [411, 'terminal'],
  [413, 'terminal'],
  [414, 'terminal'],
  [415, 'terminal'],
  [422, 'terminal'],
]);

const REASONS: ReadonlyMap<number, string> = new Map([
  [400, 'BadRequest'],
  [401, 'Unauthorized'],
  [403, 'Forbidden'],
  [404, 'NotFound'],
  [409, 'Conflict'],
  [410, 'Gone'],
  [422, 'Invalid'],
  [429, 'TooManyRequests'],
  [500, 'InternalError'],
  [503, 'ServiceUnavailable'],
  [504, 'Timeout'],
]);

/** A server that asks for more patience than this is asked sooner. Milliseconds. */
const RETRY_AFTER_CAP_MS = 5 * 60_000;

/** Of an answer that is not the API server's own. */
const ANSWER_SHOWN = 4_096;

export interface Refusal {
  readonly code: number;
  /** What was asked: `PATCH /api/v1/…`. */
  readonly what: string;
  readonly status: Status | undefined;
  /** All that was answered. */
  readonly text?: string;
  /** The header of that name. */
  readonly retryAfter?: string | undefined;
  /** Milliseconds since 1970: the header may name a time. */
  readonly wallMs: number;
}

/** The error of an answer that is not 2xx. */
export function refused({ code, what, status, text, retryAfter, wallMs }: Refusal): KubeError {
  const reason = status?.reason ?? REASONS.get(code) ?? 'Unknown';
  const verdict = VERDICTS.get(code) ?? 'retry';
  const seconds = status?.retryAfterSeconds;
  const asked =
    readRetryAfter(retryAfter, wallMs) ?? (seconds === undefined ? undefined : seconds * 1000);
  const wait = asked === undefined ? {} : { retryAfterMs: Math.min(asked, RETRY_AFTER_CAP_MS) };
  const message = `${what}: ${code} ${reason}: ${status?.message ?? 'no reason given'}`;
  const isOthers = status === undefined && text !== undefined && text !== '';
  const answer = isOthers ? { answer: text.slice(0, ANSWER_SHOWN) } : {};
  return new KubeError(message, { verdict, reason, status: code, ...wait, ...answer });
}

/** Seconds, or an HTTP date. Undefined for anything else. Milliseconds, never below 0. */
function readRetryAfter(header: string | undefined, wallMs: number): number | undefined {
  if (header === undefined) return undefined;
  if (/^\d{1,9}$/.test(header.trim())) return Number(header.trim()) * 1000;
  const at = Date.parse(header);
  return Number.isNaN(at) ? undefined : Math.max(0, at - wallMs);
}

/** Not there, or not any more. */
export function isNotFound(error: unknown): boolean {
  return error instanceof KubeError && error.status === 404;
}

/** Somebody else wrote first, a precondition does not hold, or apply would take a field. */
export function isConflict(error: unknown): boolean {
  return error instanceof KubeError && error.status === 409 && error.reason !== 'AlreadyExists';
}

/** One of that name was there before. */
export function isAlreadyExists(error: unknown): boolean {
  return error instanceof KubeError && error.reason === 'AlreadyExists';
}

/** The history from a resource version on, or the rest of a list, is not kept any more. */
export function isGone(error: unknown): boolean {
  if (!(error instanceof KubeError)) return false;
  return error.status === 410 || error.reason === 'Expired' || error.reason === 'Gone';
}
