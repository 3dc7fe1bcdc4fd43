import { isUrl } from './options.ts';

/** How long an answer is waited for, in ms. */
export const ROUTE_MS = 2_000;

export interface Way {
  /** Where we go when nobody says anything else. */
  readonly url: string;
  /** Who is asked for a better address; undefined: nobody. */
  readonly routeUrl?: string | undefined;
}

/**
 * The address of the gateway where we belong. Whatever goes wrong with asking, it is `url`: any
 * gateway serves us. Never rejects.
 */
export async function routed(
  { url, routeUrl }: Way,
  token: string | undefined,
  signal: AbortSignal,
): Promise<string> {
  if (routeUrl === undefined) return url;
  try {
    const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
    const answer = await fetch(routeUrl, { headers, signal });
    const { url: to } = await answer.json();
    return mayLead(url, to) ? to : url;
  } catch {
    return url;
  }
}

/** Whether who is at `from` may send us to `to`: a WebSocket, and from TLS only one over TLS. */
export function mayLead(from: string, to: unknown): to is string {
  return typeof to === 'string' && isUrl(to, 'wss:', new URL(from).protocol);
}
