import type { ApiServer } from './connection.ts';
import { failed, isGone } from './kube-error.ts';
import { isKubeObject, isRecord, type KubeObject } from './objects.ts';
import { apiVersionOf, pathOf, type Query, type Resource } from './resource.ts';

export interface Scope {
  readonly resource: Resource;
  /** Undefined: all namespaces. */
  readonly namespace?: string | undefined;
  readonly labelSelector?: string | undefined;
  readonly fieldSelector?: string | undefined;
}

export interface Listed {
  readonly objects: KubeObject[];
  /** Where a watch goes on. */
  readonly resourceVersion: string;
}

/** client-go's size of a page, too. */
const PAGE = 500;
/** Far above what an operator watches; a selector that was forgotten is not to fill the memory. */
const MAX_OBJECTS = 100_000;

export const collectionOf = ({ resource, namespace }: Scope): string =>
  pathOf(resource, { namespace });

export const selectorsOf = ({ labelSelector, fieldSelector }: Scope): Query => ({
  labelSelector,
  fieldSelector,
});

/**
 * Every object of the scope at one version, page by page, read consistently (no resourceVersion):
 * what is listed is never older than what was seen before. When the rest of the pages is not kept
 * any more, all is read at once. Throws a `KubeError`.
 */
export async function listAll(api: ApiServer, scope: Scope, signal: AbortSignal): Promise<Listed> {
  try {
    return await listBy(api, scope, { limit: PAGE, signal });
  } catch (error) {
    // Also a first page may say so, of a kind that has just come; then this says it again.
    if (!isGone(error)) throw error;
    return listBy(api, scope, { limit: undefined, signal });
  }
}

interface Paging {
  readonly limit: number | undefined;
  readonly signal: AbortSignal;
}

async function listBy(api: ApiServer, scope: Scope, { limit, signal }: Paging): Promise<Listed> {
  const path = collectionOf(scope);
  const objects: KubeObject[] = [];
  let next: string | undefined;
  do {
    const query = { ...selectorsOf(scope), limit, continue: next };
    const page = readPage(await api.call({ method: 'GET', path, query, signal }), scope);
    objects.push(...page.objects);
    if (objects.length > MAX_OBJECTS) {
      throw failed('AnswerTooLarge', `LIST ${path}: over ${MAX_OBJECTS} objects`);
    }
    if (page.next === '') return { objects, resourceVersion: page.resourceVersion };
    next = page.next;
  } while (next !== undefined);
  return { objects, resourceVersion: '' };
}

function readPage(answer: unknown, scope: Scope): Listed & { readonly next: string } {
  const unreadable = (what: string) =>
    failed('AnswerUnreadable', `LIST ${collectionOf(scope)}: ${what}`);
  if (!isRecord(answer)) throw unreadable('not a list');
  const { items, metadata } = answer;
  if (!isRecord(metadata)) throw unreadable('a list without metadata');
  const { resourceVersion, continue: next } = metadata;
  if (typeof resourceVersion !== 'string') throw unreadable('a list without a version');
  // Go writes an empty list as null.
  const read = (items === null ? [] : items) as unknown;
  if (!Array.isArray(read) || !read.every(isKubeObject)) throw unreadable('items that are none');
  const { kind } = scope.resource;
  const apiVersion = apiVersionOf(scope.resource);
  // Items of a list do not say what they are, events of a watch do: nobody is to see a difference.
  const objects = read.map((item: KubeObject) => ({ apiVersion, kind, ...item }));
  return { objects, resourceVersion, next: typeof next === 'string' ? next : '' };
}
