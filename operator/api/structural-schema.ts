import { z } from 'zod';
import type { Rule } from './fields.ts';

/**
 * From the declaration to what a CustomResourceDefinition holds: a structural schema. Throws for
 * what has no place in one, so that no bound gets lost on the way.
 */

/** The part of OpenAPI v3 that a structural schema may have. */
export interface StructuralSchema {
  readonly type?: 'object' | 'array' | 'string' | 'integer' | 'boolean';
  readonly description?: string;
  readonly default?: unknown;
  readonly format?: 'int32' | 'int64' | 'date-time';
  readonly enum?: readonly unknown[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly pattern?: string;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly maxProperties?: number;
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, StructuralSchema>>;
  readonly additionalProperties?: StructuralSchema;
  readonly items?: StructuralSchema;
  readonly 'x-kubernetes-int-or-string'?: true;
  readonly 'x-kubernetes-list-type'?: 'map' | 'set' | 'atomic';
  readonly 'x-kubernetes-list-map-keys'?: readonly string[];
  readonly 'x-kubernetes-map-type'?: 'atomic';
  readonly 'x-kubernetes-validations'?: readonly Rule[];
}

/** What the declaration says as JSON Schema, with the notes that `fields.ts` names. */
export interface Declared {
  readonly type?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly format?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly pattern?: string;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly maxProperties?: number;
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, Declared>>;
  readonly additionalProperties?: Declared | boolean;
  readonly items?: Declared;
  readonly anyOf?: readonly Declared[];
  readonly rules?: readonly Rule[];
  readonly unit?: string;
  readonly form?: string;
  readonly absent?: string;
  readonly setting?: string;
  readonly scale?: number;
  readonly intOrString?: boolean;
  readonly listKeys?: readonly string[];
  readonly listType?: 'set' | 'atomic';
  readonly mapType?: 'atomic';
  readonly like?: string;
}

/** All that is translated, or is for others; anything else is refused. */
const KNOWN = new Set([
  ...['$schema', 'type', 'description', 'default', 'const', 'enum', 'format', 'anyOf'],
  ...['minimum', 'maximum', 'minLength', 'maxLength', 'pattern', 'minItems', 'maxItems'],
  ...['maxProperties', 'required', 'properties', 'additionalProperties', 'propertyNames', 'items'],
  ...['rules', 'unit', 'form', 'absent', 'setting', 'scale', 'alias', 'intOrString'],
  ...['listKeys', 'listType', 'mapType', 'like'],
]);

/** What is taken as it stands. */
const SAME = [
  'default',
  'enum',
  'minimum',
  'maximum',
  'minLength',
  'maxLength',
  'minItems',
  'maxItems',
  'maxProperties',
] as const;

const UNITS: Readonly<Record<string, string>> = {
  ms: 'milliseconds',
  s: 'seconds',
  bytes: 'bytes',
};

export const declared = (schema: z.ZodType): Declared =>
  z.toJSONSchema(schema, { io: 'input' }) as Declared;

/**
 * Inside a type of Kubernetes nothing is described: `kubectl explain` of the original says more,
 * and a definition must stay far below what `kubectl apply` can note in an annotation.
 */
export function structural(schema: Declared, path: string, bare = false): StructuralSchema {
  const unknown = Object.keys(schema).filter((key) => !KNOWN.has(key));
  if (unknown.length > 0) throw new Error(`${path}: no CRD can say ${unknown.join(', ')}`);
  const description = bare ? undefined : describe(schema);
  return {
    ...(description === undefined ? {} : { description }),
    ...typeOf(schema, path),
    ...Object.fromEntries(
      SAME.filter((key) => schema[key] !== undefined).map((key) => [key, schema[key]]),
    ),
    ...(schema.pattern === undefined ? {} : { pattern: portable(schema.pattern, path) }),
    ...membersOf(schema, path, bare || schema.like !== undefined),
    ...extensions(schema),
  };
}

function describe({ description, unit, form, absent, like }: Declared): string | undefined {
  if (description === undefined) return undefined;
  const inWords = unit === undefined ? '' : ` In ${UNITS[unit] ?? unit}.`;
  const wanted = form === undefined ? '' : ` It is ${form}.`;
  const without = absent === undefined ? '' : ` Without it: ${absent}.`;
  const kind = like === undefined ? '' : ` As ${like}.`;
  return description + inWords + wanted + without + kind;
}

function typeOf(schema: Declared, path: string): Partial<StructuralSchema> {
  if (schema.intOrString === true) return intOrString(schema, path);
  if (schema.anyOf !== undefined) throw new Error(`${path}: a union has no place in a CRD`);
  switch (schema.type) {
    case 'integer':
      return { type: 'integer', format: fits32(schema) ? 'int32' : 'int64' };
    case 'string':
      if (schema.format === undefined) return { type: 'string' };
      if (schema.format !== 'date-time') throw new Error(`${path}: format ${schema.format}`);
      return { type: 'string', format: 'date-time' };
    case 'boolean':
      return { type: 'boolean' };
    case 'object':
      return { type: 'object' };
    case 'array':
      return { type: 'array' };
    default:
      throw new Error(`${path}: type ${schema.type}`);
  }
}

const INT32 = 2 ** 31 - 1;
const fits32 = ({
  minimum = Number.NEGATIVE_INFINITY,
  maximum = Number.POSITIVE_INFINITY,
}: Declared) => -INT32 <= minimum && maximum <= INT32;

/** Bounds of numbers bind numbers, those of texts texts: both stand in one schema. */
function intOrString({ anyOf = [] }: Declared, path: string): Partial<StructuralSchema> {
  const [number, text, ...more] = anyOf;
  if (number?.type !== 'integer' || text?.type !== 'string' || more.length > 0) {
    throw new Error(`${path}: intOrString is a union of an integer and a string`);
  }
  const { minimum, maximum } = number;
  const { minLength, maxLength, pattern } = text;
  return {
    'x-kubernetes-int-or-string': true,
    ...(minimum === undefined ? {} : { minimum }),
    ...(maximum === undefined ? {} : { maximum }),
    ...(minLength === undefined ? {} : { minLength }),
    ...(maxLength === undefined ? {} : { maxLength }),
    ...(pattern === undefined ? {} : { pattern: portable(pattern, path) }),
  };
}

/** The API server reads RE2, which has no look-around and no back references. */
function portable(pattern: string, path: string): string {
  if (/\(\?[=!<]|\\[1-9k]/.test(pattern)) throw new Error(`${path}: RE2 cannot read ${pattern}`);
  return pattern.replaceAll('\\/', '/');
}

function membersOf(schema: Declared, path: string, bare: boolean): Partial<StructuralSchema> {
  const { properties, additionalProperties, items, required } = schema;
  if (schema.type === 'array') {
    if (items === undefined) throw new Error(`${path}: a list of what?`);
    return { items: structural(items, `${path}[]`, bare) };
  }
  if (schema.type !== 'object') return {};
  if (typeof additionalProperties === 'object') {
    return { additionalProperties: structural(additionalProperties, `${path}.*`, bare) };
  }
  if (properties === undefined || additionalProperties !== false) {
    throw new Error(`${path}: an object has named fields alone, or is a map`);
  }
  const entries = Object.entries(properties).map(
    ([name, member]) => [name, structural(member, `${path}.${name}`, bare)] as const,
  );
  return {
    ...(required === undefined ? {} : { required }),
    properties: Object.fromEntries(entries),
  };
}

function extensions(schema: Declared): Partial<StructuralSchema> {
  const { listKeys, listType, mapType, rules = [] } = schema;
  return {
    ...(listKeys === undefined
      ? {}
      : { 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': listKeys }),
    ...(listType === undefined ? {} : { 'x-kubernetes-list-type': listType }),
    ...(mapType === undefined ? {} : { 'x-kubernetes-map-type': mapType }),
    ...(rules.length === 0 ? {} : { 'x-kubernetes-validations': rules }),
  };
}
