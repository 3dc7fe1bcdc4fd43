import { isFields } from '../../../protocol/fields.ts';
import * as limits from '../../../protocol/limits.ts';
import { claimText } from '../auth/claim-text.ts';
import type { PlacementKey } from '../placement.ts';

/** What a client has said of itself before anybody judged it. */
export interface Said {
  /** The key in the request of its upgrade, where that is its place. */
  readonly request: string | undefined;
  readonly token: string | undefined;
  /** The session that it names. */
  readonly session: string | undefined;
  /** Whether a client without a token may name its session. */
  readonly mayName: boolean;
}

/**
 * By what the client is placed if all that it says is true. The token is read and not verified:
 * what comes of it is a shard and nothing else, and the owner of that shard verifies it. Undefined:
 * it has no key yet, and gets a session that is at home where it is.
 */
export function likelyKey(key: PlacementKey, said: Said): string | undefined {
  const { request, token, session, mayName } = said;
  const named = token === undefined && !mayName ? undefined : session;
  if (key.from === 'query' || key.from === 'header') return request || named;
  if (token === undefined) return named;
  const claims = unverifiedClaims(token);
  return claimText(claims?.[key.from === 'sub' ? 'sub' : key.name]) || named;
}

function unverifiedClaims(token: string) {
  if (token.length > limits.tokenBytes) return undefined;
  try {
    const claims: unknown = JSON.parse(
      Buffer.from(token.split('.', 2)[1] ?? '', 'base64url').toString(),
    );
    return isFields(claims) ? claims : undefined;
  } catch {
    // Whoever serves the client says that this is no token.
    return undefined;
  }
}
