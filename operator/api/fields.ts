import { z } from 'zod';
import { gatewaySettings } from '../../gateway/settings/declaration.ts';

/**
 * The kinds of fields of a WsCluster. Times and sizes are integers with their unit in the name
 * (`drainDeadlineSeconds`), as Kubernetes' API conventions ask: the schema bounds them, and no
 * client needs a parser. Quantities stand only where Kubernetes' own types have them.
 *
 * Notes that fields carry beside what JSON Schema knows (`structural-schema.ts` reads them):
 * `rules`: CEL rules; `unit`: for people; `setting`, `scale`: the gateway setting that the field
 * becomes, and what it is multiplied with; `absent`: what is done without the field; `listKeys`,
 * `listType`, `mapType`: how server-side apply merges; `intOrString`; `like`: the field of
 * Kubernetes that it is one of.
 */

/** What CEL must find true, or the object is refused with the message. */
export interface Rule {
  readonly rule: string;
  /** A sentence that says what must be, with the names of the fields. */
  readonly message: string;
}

/** What a field says beside its bounds. */
export interface Notes {
  /** Replaces the text of the setting. */
  readonly description?: string;
  /** Stands before the text of the setting, which speaks of one gateway to its operator. */
  readonly lead?: string;
  readonly absent?: string;
  readonly rules?: readonly Rule[];
  /** Each item there once, whoever gave it; `atomic`: the list has one owner. */
  readonly listType?: 'set' | 'atomic';
}

/** The settings that fields may be, by section and name. */
export const settings = {
  redis: gatewaySettings.shape.redis.unwrap().shape,
  stream: gatewaySettings.shape.stream.unwrap().shape,
  hub: gatewaySettings.shape.hub.unwrap().shape,
  edge: gatewaySettings.shape.edge.unwrap().shape,
  http: gatewaySettings.shape.http.unwrap().shape,
  auth: gatewaySettings.shape.auth.unwrap().shape,
  placement: gatewaySettings.shape.placement.unwrap().shape,
  disruption: gatewaySettings.shape.disruption.unwrap().shape,
};

const names = new Map<z.ZodType, string>(
  Object.entries(settings).flatMap(([section, shape]) =>
    Object.entries(shape).map(([name, schema]) => [schema, `${section}.${name}`] as const),
  ),
);

function nameOf(schema: z.ZodType): string {
  const name = names.get(schema);
  if (name === undefined) throw new Error('a field that is no setting as it is declared');
  return name;
}

/** A field that is a gateway setting: its bounds, its default and its text. */
export function setting<T extends z.ZodType>(declared: T, notes: Notes = {}): T {
  return declared.meta({ ...told(declared, notes), setting: nameOf(declared) });
}

/** The same without its default: a value must be given, or something else is done without it. */
export function settingWithoutDefault<T extends z.ZodType>(
  declared: z.ZodOptional<T> | z.ZodDefault<T>,
  notes: Notes = {},
): T {
  // The notes stand at the wrapper.
  const { absent: _, ...carried } = declared.meta() ?? {};
  return declared
    .unwrap()
    .meta({ ...carried, ...told(declared, notes), setting: nameOf(declared) });
}

/** A setting in milliseconds as a field in seconds: the same bounds and the same default. */
export function inSeconds(
  declared: z.ZodDefault<z.ZodInt>,
  notes: Notes = {},
): z.ZodDefault<z.ZodInt> {
  const { minimum, maximum, default: fallback, unit } = z.toJSONSchema(declared);
  const name = nameOf(declared);
  if (unit !== 'ms' || minimum === undefined || maximum === undefined) {
    throw new Error(`${name} is not in milliseconds, with bounds`);
  }
  if (typeof fallback !== 'number' || fallback % 1000 !== 0) {
    throw new Error(`${name} has no default in whole seconds`);
  }
  return z
    .int()
    .min(Math.ceil(minimum / 1000))
    .max(Math.floor(maximum / 1000))
    .default(fallback / 1000)
    .meta({ ...told(declared, notes), unit: 's', setting: name, scale: 1000 });
}

function told(declared: z.ZodType, { lead, ...notes }: Notes): object {
  const text = declared.meta()?.description ?? '';
  return { description: lead === undefined ? text : `${lead} ${text}`, ...notes };
}

/** An object all of whose fields have defaults: it is there, with them, when it is not given. */
export function group<T extends z.ZodRawShape>(
  shape: T,
  description: string,
  rules: readonly Rule[] = [],
) {
  const object = z.strictObject(shape);
  // In full: an API server judges a default by the rules before it fills in the fields of it.
  const whole = object.parse({}) as z.core.util.NoUndefined<z.output<typeof object>>;
  return object.default(whole).meta({ description, rules });
}

export const integer = ([min, max]: readonly [number, number], description: string) =>
  z.int().min(min).max(max).meta({ description });

/** For a field whose name ends in `Seconds`. */
export const seconds = (bounds: readonly [number, number], description: string) =>
  integer(bounds, description).meta({ unit: 's' });

export const text = (max: number, description: string) =>
  z.string().min(1).max(max).meta({ description });

/** Text of one form, which `form` says in words. */
export const formed = (
  pattern: RegExp,
  max: number,
  notes: { form: string; description: string },
) => z.string().min(1).max(max).regex(pattern).meta(notes);
