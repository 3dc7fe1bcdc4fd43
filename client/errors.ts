import { type ErrorName, passingErrors } from '../protocol/code-table.ts';

/** What the client itself finds wrong, beside the gateway's codes in `protocol/codes.ts`. */
type LocalCode =
  | 'bad_options'
  | 'bad_data'
  | 'already_subscribed'
  | 'already_reading'
  /** The publish queue has as much as it may hold. Nothing was sent. */
  | 'queue_full'
  | 'timeout'
  | 'aborted'
  /** The connection broke, and it was too late, or out of order, to send the publish again. */
  | 'disconnected'
  /** The gateway takes the client for somebody else than before. */
  | 'identity_changed'
  /** `close()` was called, or the subscription was ended. */
  | 'closed'
  /** The client stays away until `connect()` is called. */
  | 'gave_up'
  | 'token_failed'
  | 'socket_failed'
  /** The gateway asked us to go elsewhere, and that did not work: we stay. */
  | 'move_failed'
  | 'storage_failed'
  | 'resync_failed'
  | 'handler_failed';

const passing: readonly string[] = [...passingErrors, 'queue_full', 'timeout', 'disconnected'];

export type ClientErrorCode = ErrorName | LocalCode;

/**
 * Every error of this package. `code` is stable, `message` is for people: the code again, where
 * that says it all.
 */
export class ClientError extends Error {
  override readonly name: string = 'ClientError';
  readonly code: ClientErrorCode;

  constructor(code: ClientErrorCode, message: string = code, cause?: unknown) {
    super(message, cause === undefined ? {} : { cause });
    this.code = code;
  }

  /** Whether the same call may succeed later without being changed. */
  get retry(): boolean {
    return passing.includes(this.code);
  }
}

/** A publish that did not end well. */
export class PublishError extends ClientError {
  override readonly name = 'PublishError';
  /** `failed`: certainly not written. `unknown`: written or not, nobody knows. */
  readonly outcome: 'failed' | 'unknown';

  constructor(outcome: PublishError['outcome'], reason: Reason) {
    super(reason.code, reason.message, reason.cause);
    this.outcome = outcome;
  }
}

export interface Reason {
  readonly code: ClientErrorCode;
  readonly message?: string;
  readonly cause?: unknown;
}

/** One option that is not as it must be. */
export interface OptionProblem {
  readonly field: string;
  readonly value: unknown;
  /** What would be right. */
  readonly wanted: string;
}

/** Options that are not as they must be, all of them. */
export class OptionsError extends ClientError {
  override readonly name = 'OptionsError';
  readonly problems: readonly OptionProblem[];

  constructor(problems: readonly OptionProblem[]) {
    super('bad_options', problems.map(({ field, wanted }) => `${field}: ${wanted}`).join('; '));
    this.problems = problems;
  }
}
