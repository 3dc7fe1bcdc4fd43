import { z } from 'zod';

/** One setting, as `--help`, the documents and the readers of values need it. */
export interface Field {
  /** `redis.url`: where it stands in `Settings`. */
  readonly name: string;
  readonly path: readonly string[];
  /** `--redis-url`. */
  readonly option: string;
  /** `--redis`, where there is a shorter one. */
  readonly alias: string | undefined;
  /** `WSCLUSTER_REDIS_URL`. */
  readonly variable: string;
  readonly kind: 'integer' | 'boolean' | 'text' | 'words';
  readonly text: string;
  /** `ms`, `s` or `bytes`. */
  readonly unit: string | undefined;
  /** What a right value looks like, in words. */
  readonly wanted: string;
  /** The value in force without the setting, in words. */
  readonly fallback: string;
  /** Never shown. */
  readonly secret: boolean;
}

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
  readonly unit?: string;
  readonly form?: string;
  readonly absent?: string;
  readonly alias?: string;
  readonly secret?: boolean;
}

/** All settings of a declaration in its order. `prefix`: of the environment variables. */
export function catalogueOf(declaration: z.ZodType, prefix: string): readonly Field[] {
  return fieldsOf(z.toJSONSchema(declaration, { io: 'input' }) as Schema, [], prefix);
}

function fieldsOf(schema: Schema, path: readonly string[], prefix: string): Field[] {
  return Object.entries(schema.properties ?? {}).flatMap(([key, member]) =>
    member.type === 'object'
      ? fieldsOf(member, [...path, key], prefix)
      : [field(member, [...path, key], prefix)],
  );
}

function field(schema: Schema, path: readonly string[], prefix: string): Field {
  const words = path.flatMap((part) => part.split(/(?=[A-Z])/)).map((word) => word.toLowerCase());
  return {
    name: path.join('.'),
    path,
    option: `--${words.join('-')}`,
    alias: schema.alias === undefined ? undefined : `--${schema.alias}`,
    variable: prefix + words.join('_').toUpperCase(),
    kind: kindOf(schema),
    text: schema.description ?? '',
    unit: schema.unit,
    wanted: wantedOf(schema),
    fallback: fallbackOf(schema),
    secret: schema.secret === true,
  };
}

function kindOf(schema: Schema): Field['kind'] {
  if (schema.type === 'integer' || schema.type === 'boolean') return schema.type;
  return schema.type === 'array' ? 'words' : 'text';
}

function wantedOf(schema: Schema): string {
  if (schema.form !== undefined) return schema.form;
  if (schema.enum !== undefined) return `one of ${schema.enum.join(', ')}`;
  if (schema.type === 'boolean') return 'true or false';
  if (schema.type === 'integer') {
    const unit = schema.unit === undefined ? '' : ` (${schema.unit})`;
    return `a whole number from ${schema.minimum} to ${schema.maximum}${unit}`;
  }
  if (schema.type === 'array') {
    return `at most ${schema.maxItems}, separated by commas, each ${wantedOf(schema.items ?? {})}`;
  }
  return `${schema.minLength ?? 0} to ${schema.maxLength} characters`;
}

function fallbackOf({ absent, default: value }: Schema): string {
  if (absent !== undefined) return absent;
  if (value === undefined) return 'none';
  return Array.isArray(value) ? value.join(',') || 'none' : String(value);
}
