import { chartValues } from './values.ts';
import { type ValueSchema, valuesSchema } from './values-schema.ts';

/** One value of the chart, as values.yaml and the documents need it. */
export interface ValueField {
  readonly path: readonly string[];
  readonly text: string;
  /** Of a group; else none. */
  readonly members: readonly ValueField[];
  readonly default: unknown;
  /** What an empty default means. */
  readonly absent: string | undefined;
  /** What a right value looks like. */
  readonly wanted: string;
}

const defaults: unknown = chartValues.parse({});

function fieldsOf(schema: ValueSchema, path: readonly string[], values: unknown): ValueField[] {
  const inside = values as Readonly<Record<string, unknown>>;
  return Object.entries(schema.properties ?? {}).map(([name, member]) => {
    const here = [...path, name];
    return {
      path: here,
      text: member.description ?? '',
      members: fieldsOf(member, here, inside[name]),
      default: inside[name],
      absent: member.absent,
      wanted: wantedOf(member),
    };
  });
}

function wantedOf(schema: ValueSchema): string {
  const { type, form, minimum, maximum, unit } = schema;
  if (form !== undefined) return form;
  if (schema.enum !== undefined) return schema.enum.map((one) => `\`${one}\``).join(', ');
  if (type === 'boolean') return '`true`, `false`';
  if (type === 'integer') {
    return `${minimum} to ${maximum?.toLocaleString('en')}${unit === undefined ? '' : ` ${unit}`}`;
  }
  if (type === 'array') return `at most ${schema.maxItems}, each ${wantedOf(schema.items ?? {})}`;
  if (schema.pattern !== undefined) return 'as in the name of an image';
  return `at most ${schema.maxLength} characters`;
}

export const valueFields: readonly ValueField[] = fieldsOf(
  valuesSchema({ notes: true }),
  [],
  defaults,
);
