import type { IncomingMessage } from 'node:http';
import type { TLSSocket } from 'node:tls';
import { z } from 'zod';
import type { Resource } from '../kube/resource.ts';

/** Where an API server says by which certificate it speaks for others. */
export const FRONT_PROXY = {
  namespace: 'kube-system',
  name: 'extension-apiserver-authentication',
} as const;
export const configMaps: Resource = {
  ...{ group: '', version: 'v1', plural: 'configmaps', kind: 'ConfigMap', namespaced: true },
};

/** Whom the API server vouches for. */
export interface Identity {
  readonly username: string;
  readonly uid: string | undefined;
  readonly groups: readonly string[];
  readonly extra: Readonly<Record<string, readonly string[]>>;
}

/** Who may speak for others, and in which headers. */
export interface FrontProxy {
  /** PEM. */
  readonly authorities: string;
  /** Common names of certificates; empty: any that those authorities issued. */
  readonly names: readonly string[];
  /** The first that is there counts. */
  readonly usernameHeaders: readonly string[];
  readonly uidHeaders: readonly string[];
  readonly groupHeaders: readonly string[];
  readonly extraPrefixes: readonly string[];
}

const CA = 'requestheader-client-ca-file';
const texts = z.array(z.string().max(253)).max(64);
const caOnly = z.object({
  [CA]: z.string().includes('-----BEGIN CERTIFICATE-----').max(1_048_576),
});

/** Throws an error that says what of the ConfigMap is not as it must be. */
export function frontProxyIn(configMap: object | undefined): FrontProxy {
  const where = `ConfigMap ${FRONT_PROXY.name} in ${FRONT_PROXY.namespace}`;
  if (configMap === undefined) throw new Error(`${where} is not there`);
  const given = 'data' in configMap ? configMap.data : {};
  const known = caOnly.safeParse(given);
  if (!known.success) {
    throw new Error(`${where} has no ${CA}: the API server runs without an aggregation layer`);
  }
  const list = (key: string) => {
    const text = (given as Readonly<Record<string, unknown>>)[`requestheader-${key}`] ?? '[]';
    try {
      return texts.parse(JSON.parse(String(text)));
    } catch (error) {
      throw new Error(`${where}: requestheader-${key} is no list of texts`, { cause: error });
    }
  };
  const lower = (key: string) => list(key).map((header) => header.toLowerCase());
  return {
    authorities: known.data[CA],
    names: list('allowed-names'),
    usernameHeaders: lower('username-headers'),
    uidHeaders: lower('uid-headers'),
    groupHeaders: lower('group-headers'),
    extraPrefixes: lower('extra-headers-prefix'),
  };
}

/**
 * Whom a request comes from, in the words of a front proxy: its certificate was verified when the
 * connection was made. Undefined: it is none, or names nobody.
 */
export function vouchedFor(proxy: FrontProxy, request: IncomingMessage): Identity | undefined {
  const socket = request.socket as TLSSocket;
  if (!socket.authorized) return undefined;
  const name = socket.getPeerX509Certificate()?.toLegacyObject().subject?.CN;
  if (proxy.names.length > 0 && !(typeof name === 'string' && proxy.names.includes(name))) {
    return undefined;
  }
  const { headersDistinct: headers } = request;
  const first = (names: readonly string[]) => {
    const there = names.find((header) => headers[header]?.[0]);
    return there === undefined ? undefined : headers[there]?.[0];
  };
  const username = first(proxy.usernameHeaders);
  if (username === undefined) return undefined;
  const groups = proxy.groupHeaders.flatMap((header) => headers[header] ?? []);
  return { username, uid: first(proxy.uidHeaders), groups, extra: extraOf(proxy, headers) };
}

function extraOf({ extraPrefixes }: FrontProxy, headers: NodeJS.Dict<string[]>): Identity['extra'] {
  const extra: Record<string, readonly string[]> = {};
  for (const [header, values = []] of Object.entries(headers)) {
    const prefix = extraPrefixes.find((one) => header.startsWith(one));
    if (prefix === undefined || header === prefix) continue;
    const key = decoded(header.slice(prefix.length));
    extra[key] = [...(extra[key] ?? []), ...values];
  }
  return extra;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    // It stands for itself, as the API server has it.
    return text;
  }
}
