import { type ErrorName, errorCodes } from '../../protocol/codes.ts';
import { Refusal } from '../../protocol/refusal.ts';
import { StreamError } from '../stream/stream.ts';

/** Why a request is answered with an error. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly code: ErrorName;
  readonly status: number;

  /** `status`: where HTTP has a more exact one than the code's. */
  constructor(code: ErrorName, message: string, status: number = errorCodes[code].status) {
    super(message);
    this.code = code;
    this.status = status;
  }
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
    return new ApiError('bad_request', 'content-type: application/json is needed', 415);
  }
  return status >= 400 && status < 500
    ? new ApiError('bad_request', 'the request is not valid HTTP')
    : undefined;
}
