import type { Subprotocol } from '../../protocol/codec.ts';
import * as limits from '../../protocol/limits.ts';

const BEARER = 'bearer.';

/** The first entry that this server speaks. Entries with a token are never chosen. */
export function chooseSubprotocol(offered: Iterable<string>): Subprotocol | undefined {
  for (const entry of offered) {
    if (entry === 'wscluster.v1' || entry === 'wscluster.v1.msgpack') return entry;
  }
  return undefined;
}

/**
 * The token of an upgrade: that of `Authorization`, or else that of a subprotocol entry
 * `bearer.<token>`, which counts only beside an entry that can be answered.
 */
export function tokenOf(authorization: string | undefined, offered: string | undefined) {
  const header = /^bearer +(\S+)$/i.exec(authorization ?? '')?.[1];
  if (header !== undefined) return bounded(header);
  const entries = (offered ?? '').split(',').map((entry) => entry.trim());
  if (chooseSubprotocol(entries) === undefined) return undefined;
  const entry = entries.find((one) => one.startsWith(BEARER));
  return entry === undefined ? undefined : bounded(entry.slice(BEARER.length));
}

/** A token that is too long is judged like any other wrong one, without its bytes. */
function bounded(token: string): string {
  return token.length <= limits.tokenBytes ? token : 'too-long';
}
