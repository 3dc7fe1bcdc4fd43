import type { Rule } from './fields.ts';
import type { StructuralSchema } from './structural-schema.ts';

/** One place in a schema. */
export interface Place {
  /** Names of fields; `[]`: the items of a list, `*`: the values of a map. */
  readonly path: readonly string[];
  readonly schema: StructuralSchema;
}

/** Every place of a schema, each before what is inside it. */
export function* places(
  schema: StructuralSchema,
  path: readonly string[] = [],
): Generator<Place, void, undefined> {
  yield { path, schema };
  for (const [name, member] of Object.entries(schema.properties ?? {})) {
    yield* places(member, [...path, name]);
  }
  if (schema.items !== undefined) yield* places(schema.items, [...path, '[]']);
  const values = schema.additionalProperties;
  if (values !== undefined) yield* places(values, [...path, '*']);
}

/** `spec.spread[].maxSkew`. */
export const pathText = (path: readonly string[]): string => path.join('.').replaceAll('.[]', '[]');

/** Every rule, with the places where it stands. */
export function rulesOf(schema: StructuralSchema): Map<Rule, readonly string[]> {
  const byText = new Map<string, { rule: Rule; paths: string[] }>();
  for (const { path, schema: place } of places(schema)) {
    for (const rule of place['x-kubernetes-validations'] ?? []) {
      const text = JSON.stringify([rule.rule, rule.message]);
      const known = byText.get(text) ?? { rule, paths: [] };
      known.paths.push(pathText(path));
      byText.set(text, known);
    }
  }
  return new Map([...byText.values()].map(({ rule, paths }) => [rule, paths]));
}
