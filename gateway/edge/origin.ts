/** What the rules for `Host` and `Origin` depend on. */
export interface OriginRules {
  /** Whether tokens or API keys are configured. */
  readonly configured: boolean;
  /** Origins of pages that may connect; `*`: every one. */
  readonly allowedOrigins: readonly string[];
}

export interface OriginHeaders {
  readonly host: string | undefined;
  readonly origin: string | undefined;
}

/**
 * Why a request is refused before anything else is looked at; undefined: it is not.
 *
 * Browsers send `Origin` truthfully and let any page connect anywhere, so an `Origin` must be the
 * server's own or be listed; `null` only when it is listed. Without a key everybody who can connect
 * is trusted, so only loopback names are served: a page that pointed its own name at 127.0.0.1
 * (DNS rebinding) shows itself by its `Host`. Programs send no `Origin` and are not concerned.
 */
export function originProblem(
  { host, origin }: OriginHeaders,
  rules: OriginRules,
): 'host' | 'origin' | undefined {
  if (host === undefined) return 'host';
  if (!rules.configured && !isLoopbackHost(host)) return 'host';
  if (origin === undefined || isListed(origin, rules.allowedOrigins)) return undefined;
  return isSameOrigin(origin, host) ? undefined : 'origin';
}

/** Whether an origin, not the server's own, is one of those that may connect. */
export function isListed(origin: string, allowed: readonly string[]): boolean {
  const wanted = origin.toLowerCase();
  return allowed.some((one) => one === '*' || one.toLowerCase() === wanted);
}

function isSameOrigin(origin: string, host: string): boolean {
  if (!URL.canParse(origin)) return false;
  const { protocol, host: originHost } = new URL(origin);
  // A host under the origin's scheme: default ports vanish on both sides.
  const own = `${protocol}//${host}`;
  const isWeb = protocol === 'http:' || protocol === 'https:';
  return isWeb && URL.canParse(own) && new URL(own).host === originHost;
}

const HOST = /^(\[[0-9a-f:.]+\]|[0-9a-z.-]+)(:\d{1,5})?$/i;
const LOOPBACK_V4 = /^127(\.\d{1,3}){3}$/;

function isLoopbackHost(host: string): boolean {
  const name = HOST.exec(host)?.[1]?.toLowerCase();
  if (name === undefined) return false;
  return name === 'localhost' || name === '[::1]' || LOOPBACK_V4.test(name);
}

/** Whether a peer's address is this machine's own. */
export function isLoopbackAddress(address: string | undefined): boolean {
  if (address === undefined) return false;
  const v4 = address.startsWith('::ffff:') ? address.slice(7) : address;
  return v4 === '::1' || LOOPBACK_V4.test(v4);
}
