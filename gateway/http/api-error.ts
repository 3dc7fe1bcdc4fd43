import { type ErrorName, errorCodes } from '../../protocol/codes.ts';
import { Refusal } from '../../protocol/refusal.ts';
import { StreamError } from '../stream/stream.ts';

/** Why a request is answered with an error. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly code: ErrorName;
  readonly status: number;
  /** When to come back, seconds; undefined: it would not help, or nobody knows. */
  readonly retryAfterS: number | undefined;

  constructor(code: ErrorName, message: string, more: More = {}) {
    super(message);
    this.code = code;
    this.status = more.status ?? errorCodes[code].status;
    this.retryAfterS = more.retryAfterS ?? (this.status === 503 ? 1 : undefined);
  }
}

interface More {
  /** Where HTTP has a more exact one than the code's. */
  readonly status?: number;
  readonly retryAfterS?: number;
}

/** What is answered for whatever was thrown; undefined: a mistake of ours, which is logged. */
export function apiErrorOf(error: unknown): ApiError | undefined {
  if (error instanceof ApiError) return error;
  if (error instanceof Refusal || error instanceof StreamError) {
    // A stream's own mistake is a mistake of ours.
    return error.code === 'internal' ? undefined : new ApiError(error.code, error.message);
  }
  if (!(error instanceof Error) || !('statusCode' in error)) return undefined;
  const status = Number(error.statusCode);
  if (status === 413) return new ApiError('too_large', 'the body is larger than the limit');
  if (status === 415) {
    return new ApiError('bad_request', 'content-type: application/json is needed', {
      status: 415,
    });
  }
  return status >= 400 && status < 500
    ? new ApiError('bad_request', 'the request is not valid HTTP')
    : undefined;
}
