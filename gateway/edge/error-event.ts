import type { ErrorName } from '../../protocol/codes.ts';
import type { Err } from '../../protocol/events.ts';
import type { EdgeContext } from './context.ts';
import type { Identity } from './identity.ts';

/** What an error that is said on a connection is about. */
export interface About {
  readonly id?: number;
  readonly topic?: string;
}

interface Failed {
  readonly id: string;
  readonly identity: Identity | undefined;
}

interface Problem {
  readonly code: ErrorName;
  readonly message: string;
}

/** What a client is told of an error, with the number that finds it in the log; it is counted. */
export function errorOf(
  { id: connection, identity }: Failed,
  context: EdgeContext,
  { code, message }: Problem,
): Err {
  const { counts, clock, logger } = context;
  const request = context.requestId();
  counts.failed(code);
  const fields = { connection, request, code, message, identity: identity?.name };
  logger.debug(fields, 'a request failed');
  return { type: 'err', code, message, at: clock.wall(), request };
}
