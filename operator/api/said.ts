import { isDeepStrictEqual } from 'node:util';
import { wsClusterSpec } from './spec.ts';
import { type Declared, declared } from './structural-schema.ts';
import type { WsClusterSpec } from './wscluster.ts';

const declaration = declared(wsClusterSpec);

/** A field of a spec and its value: `heartbeat.missedPings`, a list or a map as a whole. */
export type Saying = readonly [path: string, value: unknown];

/**
 * What a spec says that it would not have anyway. A definition that has more fields gives their
 * defaults to objects that are older than it; what those say is still the same.
 */
export function said(spec: WsClusterSpec): readonly Saying[] {
  return sayings(declaration, spec, []);
}

function sayings(field: Declared, value: unknown, path: readonly string[]): Saying[] {
  if (value === undefined || isDeepStrictEqual(value, field.default)) return [];
  if (field.properties === undefined) return [[path.join('.'), bare(field, value)]];
  const inner = Object.entries(field.properties).flatMap(([name, member]) =>
    sayings(member, memberOf(value, name), [...path, name]),
  );
  // Instead of a default that has something in it, to have nothing is a saying too.
  return inner.length === 0 && field.default !== undefined ? [[path.join('.'), {}]] : inner;
}

/** The same inside lists, where an object that says nothing still is one. */
function bare(field: Declared, value: unknown): unknown {
  const { items, properties } = field;
  if (items !== undefined && Array.isArray(value)) return value.map((item) => bare(items, item));
  if (properties === undefined) return value;
  return Object.fromEntries(
    Object.entries(properties).flatMap(([name, member]) => {
      const inner = memberOf(value, name);
      const silent = inner === undefined || isDeepStrictEqual(inner, member.default);
      return silent ? [] : [[name, bare(member, inner)]];
    }),
  );
}

function memberOf(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null) return undefined;
  return (value as Readonly<Record<string, unknown>>)[name];
}
