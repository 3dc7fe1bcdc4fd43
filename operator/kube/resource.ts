import { isRecord } from './objects.ts';

/** A kind of object as the API serves it, built-in or custom. */
export interface Resource {
  /** Empty: the core group. */
  readonly group: string;
  readonly version: string;
  /** As in paths: `pods`. */
  readonly plural: string;
  /** As in objects: `Pod`. */
  readonly kind: string;
  readonly namespaced: boolean;
}

export interface Place {
  /** Of an object or a collection in a namespace; without it, of all namespaces. */
  readonly namespace?: string | undefined;
  readonly name?: string | undefined;
  /** `status`, `scale`; only with a name. */
  readonly subresource?: string | undefined;
}

/** A label or field selector, a limit, a resource version … What is undefined is left out. */
export type Query = Readonly<Record<string, string | number | boolean | undefined>>;

export function apiVersionOf({ group, version }: Resource): string {
  return group === '' ? version : `${group}/${version}`;
}

/**
 * The path of an object or a collection. Throws for a name or namespace that would lead elsewhere:
 * such a name cannot exist, and whoever asks for it made a mistake.
 */
export function pathOf(resource: Resource, place: Place = {}): string {
  const { group, version, plural, namespaced } = resource;
  const { namespace, name, subresource } = place;
  if (!namespaced && namespace !== undefined) {
    throw new TypeError(`${plural} are in no namespace, not in ${namespace}`);
  }
  if (namespaced && name !== undefined && namespace === undefined) {
    throw new TypeError(`${plural} ${name}: in which namespace?`);
  }
  if (subresource !== undefined && name === undefined) {
    throw new TypeError(`${subresource} of which of the ${plural}?`);
  }
  const root = group === '' ? `/api/${version}` : `/apis/${group}/${version}`;
  const scope = namespace === undefined ? [] : ['namespaces', namespace];
  const tail = [name, subresource].filter((part) => part !== undefined);
  return [root, ...[...scope, plural, ...tail].map(segment)].join('/');
}

function segment(text: string): string {
  if (text === '' || text === '.' || text === '..' || text.includes('/')) {
    throw new TypeError(`${JSON.stringify(text)} is no name`);
  }
  return encodeURIComponent(text);
}

export function withQuery(path: string, query: Query = {}): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined) parameters.set(name, String(value));
  }
  return parameters.size === 0 ? path : `${path}?${parameters}`;
}

/** `a=b,c=d` of labels that must all be there. */
export function selectorOf(labels: Readonly<Record<string, string>>): string {
  return Object.entries(labels)
    .map(([label, value]) => `${label}=${value}`)
    .join(',');
}

/** The API server's own word for what it answers instead of an object. */
export interface Status {
  readonly reason?: string;
  readonly message?: string;
  readonly code?: number;
  readonly retryAfterSeconds?: number;
}

/** Reads one; undefined when it is none. */
export function readStatus(value: unknown): Status | undefined {
  if (!isRecord(value) || value['kind'] !== 'Status') return undefined;
  const { reason, message, code, details } = value;
  const seconds = isRecord(details) ? details['retryAfterSeconds'] : undefined;
  return {
    ...(typeof reason === 'string' ? { reason } : {}),
    ...(typeof message === 'string' ? { message } : {}),
    ...(typeof code === 'number' ? { code } : {}),
    ...(typeof seconds === 'number' ? { retryAfterSeconds: seconds } : {}),
  };
}
