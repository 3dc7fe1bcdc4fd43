import { createHash } from 'node:crypto';
import { isRecord } from './objects.ts';

/**
 * What an object holds at the places that `desired` speaks of: what others added, and what was
 * defaulted, is not in it. Elements of a list are found by their `name` where they have one, as
 * most lists of the API are keyed; others by their place, and then how many there are counts, too.
 */
export function project(observed: unknown, desired: unknown): unknown {
  if (Array.isArray(desired)) {
    return Array.isArray(observed) ? projectList(observed, desired) : observed;
  }
  if (!isRecord(desired) || !isRecord(observed)) return observed;
  return Object.fromEntries(
    Object.keys(desired).map((key) => [
      key,
      ATOMIC.has(key) ? observed[key] : project(observed[key], desired[key]),
    ]),
  );
}

/** Belong to one owner as a whole: with one label more, a selector finds nothing. */
const ATOMIC: ReadonlySet<string> = new Set([
  ...['selector', 'labelSelector', 'podSelector', 'namespaceSelector', 'nodeSelector'],
]);

function projectList(observed: readonly unknown[], desired: readonly unknown[]): unknown[] {
  const names = desired.map(nameOf);
  if (desired.length > 0 && names.every((name) => name !== undefined)) {
    return desired.map((one, at) => {
      const found = observed.find((candidate) => nameOf(candidate) === names[at]);
      return project(found, one);
    });
  }
  return observed.map((one, at) => project(one, desired[at]));
}

function nameOf(element: unknown): string | undefined {
  const name = isRecord(element) ? element['name'] : undefined;
  return typeof name === 'string' ? name : undefined;
}

/** The same for the same content, whatever the order of fields; undefined does not count. */
export function hashOf(value: unknown): string {
  return createHash('sha256').update(canonical(value)).digest('base64url').slice(0, 22);
}

export function sameContent(a: unknown, b: unknown): boolean {
  return canonical(a) === canonical(b);
}

function canonical(value: unknown): string {
  return (
    JSON.stringify(value, (_key, one: unknown) => {
      if (!isRecord(one)) return one;
      const keys = Object.keys(one).sort();
      return Object.fromEntries(keys.map((name) => [name, one[name]]));
    }) ?? 'undefined'
  );
}
