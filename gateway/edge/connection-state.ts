/**
 * - `opening`: upgraded; `hello`, authentication and the session are under way.
 * - `open`: served.
 * - `draining`: it is leaving: nothing more is delivered, answers and cursors are settled, then
 *   the closing handshake runs.
 * - `closed`: the socket is gone.
 */
export type ConnectionState = 'opening' | 'open' | 'draining' | 'closed';

/** Of a deadline that is none. */
export const NEVER = Number.POSITIVE_INFINITY;
/** Time for the closing handshake; a peer that does not answer is cut then. */
export const CLOSE_MS = 3_000;
/** Time for what is settled before it: publishes in flight, the last marker, the cursors. */
export const SETTLE_MS = 6_000;
