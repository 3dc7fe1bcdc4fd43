import type { IncomingMessage } from 'node:http';
import type { Authentication, Authenticator, Identity } from '../edge/identity.ts';
import { isLoopbackAddress } from '../edge/origin.ts';
import type { Logger } from '../logger.ts';
import { ApiError } from './api-error.ts';

const BEARER = /^bearer +(\S+)$/i;

/** Who sent a request. Throws `ApiError` when nobody who may. */
export async function identify(
  request: IncomingMessage,
  authenticator: Authenticator,
  logger: Logger,
): Promise<Identity> {
  const answer = await ask(request, authenticator);
  if (answer.ok) return answer.identity;
  logger.debug({ detail: answer.detail, code: answer.code }, 'a request was refused');
  switch (answer.code) {
    case 'unauthenticated':
      throw new ApiError('unauthenticated', 'a valid token or API key is required');
    case 'token_expired':
      throw new ApiError('unauthenticated', 'the token has expired');
    case 'keys_unavailable':
      throw new ApiError('overloaded', 'the keys that verify tokens cannot be had; try later');
  }
}

async function ask(
  request: IncomingMessage,
  authenticator: Authenticator,
): Promise<Authentication> {
  const { authorization, 'x-api-key': apiKey } = request.headers;
  if (apiKey !== undefined && authorization !== undefined) {
    throw new ApiError('bad_request', 'either Authorization or X-API-Key, not both');
  }
  if (typeof apiKey === 'string') return authenticator.apiKey(apiKey);
  if (authorization === undefined) {
    return authenticator.anonymous({ loopback: isLoopbackAddress(request.socket.remoteAddress) });
  }
  const token = BEARER.exec(authorization)?.[1];
  if (token === undefined) {
    throw new ApiError('unauthenticated', 'Authorization: Bearer and a token');
  }
  return authenticator.token(token);
}
