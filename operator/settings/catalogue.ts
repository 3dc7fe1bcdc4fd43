import { z } from 'zod';
import { operatorSettings } from './declaration.ts';

/** One setting, as its readers and the document need it. */
export interface Field {
  readonly name: string;
  /** `WSCLUSTER_OPERATOR_WATCH_NAMESPACES`. */
  readonly variable: string;
  readonly kind: 'integer' | 'text' | 'words';
  readonly text: string;
  /** What a right value looks like, in words. */
  readonly wanted: string;
  /** The value in force without the setting, in words. */
  readonly fallback: string;
}

export const VARIABLE_PREFIX = 'WSCLUSTER_OPERATOR_';

/** The part of JSON Schema that the declaration uses, with the notes that it carries. */
interface Schema {
  readonly type?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly enum?: readonly string[];
  readonly default?: unknown;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly maxItems?: number;
  readonly description?: string;
  readonly form?: string;
  readonly absent?: string;
}

/** All settings in the order of their declaration. */
export const catalogue: readonly Field[] = Object.entries(
  (z.toJSONSchema(operatorSettings, { io: 'input' }) as Schema).properties ?? {},
).map(([name, schema]) => ({
  name,
  variable: VARIABLE_PREFIX + name.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase(),
  kind: schema.type === 'integer' ? 'integer' : schema.type === 'array' ? 'words' : 'text',
  text: schema.description ?? '',
  wanted: wantedOf(schema),
  fallback: schema.absent ?? String(schema.default ?? 'none'),
}));

function wantedOf({ form, enum: words, type, items, ...schema }: Schema): string {
  if (form !== undefined) return form;
  if (words !== undefined) return `one of ${words.join(', ')}`;
  if (type === 'integer') return `a whole number from ${schema.minimum} to ${schema.maximum}`;
  if (type === 'array') {
    return `at most ${schema.maxItems}, separated by commas, each ${wantedOf(items ?? {})}`;
  }
  return `${schema.minLength ?? 0} to ${schema.maxLength} characters`;
}
