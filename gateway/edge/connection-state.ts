/**
 * - `opening`: upgraded; `hello`, authentication and the session are under way.
 * - `open`: served.
 * - `draining`: it is leaving: nothing more is delivered, answers and cursors are settled, then
 *   the closing handshake runs.
 * - `closed`: the socket is gone.
 */
export type ConnectionState = 'opening' | 'open' | 'draining' | 'closed';
