import { pathText, places } from '../../operator/api/schema-walk.ts';
import type { StructuralSchema } from '../../operator/api/structural-schema.ts';

/** A value that breaks one bound of a definition, and what an API server says to it. */
export interface Violation {
  readonly kind: string;
  /** Where it is put, inside a valid object. */
  readonly path: readonly (string | number)[];
  /** Undefined: what stands there is taken away. */
  readonly value: unknown;
  /** What the API server must say on one line; `…` stands for anything. */
  readonly told: string;
}

type Bound = Omit<Violation, 'path' | 'told'> & {
  readonly says: (path: string) => string;
  /** Inside the place. */
  readonly member?: string | number;
};

/**
 * A violation of every bound of a schema that stands at a field that `object` has: `object` is
 * valid, and says everything.
 */
export function violationsIn(schema: StructuralSchema, object: unknown): Violation[] {
  return [...places(schema)].flatMap((place) => {
    const path = concrete(object, place.path);
    if (path === undefined) return [];
    const bounds = boundsOf(place.schema, valueAt(object, path));
    // What is sent is an object, or nothing.
    const inside = bounds.filter(({ kind }) => path.length > 0 || kind !== 'type');
    return inside.map(({ says, member, kind, value }) => {
      const full = member === undefined ? path : [...path, member];
      return { kind, path: full, value, told: says(spelled(full)) };
    });
  });
}

/** Names of what a schema bounds, whether or not an object breaks it. */
export function boundNames(schema: StructuralSchema): Set<string> {
  return new Set(
    [...places(schema)].flatMap(({ path, schema: place }) =>
      kindsOf(place)
        .filter((kind) => path.length > 0 || kind !== 'type')
        .map((kind) => `${kind} ${pathText(path)}`),
    ),
  );
}

/** The name of what a violation breaks. */
export const boundName = ({ kind, path }: Violation, schema: StructuralSchema): string =>
  `${kind} ${pathText(generic(schema, kind === 'required' ? path.slice(0, -1) : path))}`;

const KINDS = [
  ...['enum', 'minimum', 'maximum', 'minLength', 'maxLength', 'pattern'],
  ...['minItems', 'maxItems', 'maxProperties', 'required'],
] as const;

function kindsOf(place: StructuralSchema): string[] {
  const bounds: Readonly<Record<string, unknown>> = { ...place };
  const unique = ['map', 'set'].includes(place['x-kubernetes-list-type'] ?? '');
  return [
    'type',
    ...KINDS.filter((kind) => bounds[kind] !== undefined),
    ...(unique ? ['unique'] : []),
  ];
}

function boundsOf(place: StructuralSchema, valid: unknown): Bound[] {
  return [
    ...typeBound(place),
    ...numberBounds(place),
    ...textBounds(place),
    ...listBounds(place, valid),
    ...mapBounds(place, valid),
  ];
}

const quoted = (value: unknown) => `"${String(value)}"`;
const says = (what: string) => (path: string) => `${path}: ${what}`;

function typeBound({ type, format, ...place }: StructuralSchema): Bound[] {
  const says = (shown: string, wanted: string | undefined) => (path: string) =>
    `${path}: Invalid value: "${shown}": … in body must be of type ${wanted}`;
  // Any scalar is read as a text, which is then no time.
  if (format === 'date-time') return [{ kind: 'type', value: 'x', says: says('x', format) }];
  if (type === 'boolean') return [{ kind: 'type', value: 'x', says: says('string', type) }];
  const wanted = place['x-kubernetes-int-or-string'] === true ? 'integer,string' : type;
  return [{ kind: 'type', value: true, says: says('boolean', wanted) }];
}

function numberBounds({ minimum, maximum }: StructuralSchema): Bound[] {
  const invalid = (value: number, what: string) => ({
    value,
    says: (path: string) => `${path}: Invalid value: ${value}: … in body should be ${what}`,
  });
  return [
    ...(minimum === undefined
      ? []
      : [{ kind: 'minimum', ...invalid(minimum - 1, `greater than or equal to ${minimum}`) }]),
    ...(maximum === undefined
      ? []
      : [{ kind: 'maximum', ...invalid(maximum + 1, `less than or equal to ${maximum}`) }]),
  ];
}

const WRONG_TEXTS = [' ', '!', 'é', '-'];

function textBounds(place: StructuralSchema): Bound[] {
  const { minLength, maxLength, pattern, enum: values } = place;
  const wrong = WRONG_TEXTS.find((text) => !new RegExp(pattern ?? '').test(text));
  return [
    ...(values === undefined
      ? []
      : [
          {
            kind: 'enum',
            value: 'Nonsense',
            says: says(
              `Unsupported value: "Nonsense": supported values: ${values.map(quoted).join(', ')}`,
            ),
          },
        ]),
    ...(minLength === undefined
      ? []
      : [
          {
            kind: 'minLength',
            value: '',
            says: (path: string) =>
              `${path}: Invalid value: "": … in body should be at least ${minLength} chars`,
          },
        ]),
    ...(maxLength === undefined
      ? []
      : [
          {
            kind: 'maxLength',
            value: 'x'.repeat(maxLength + 1),
            says: says(`Too long: may not be more than ${maxLength} bytes`),
          },
        ]),
    ...(pattern === undefined
      ? []
      : [
          {
            kind: 'pattern',
            value: wrong,
            says: (path: string) =>
              `${path}: Invalid value: "${wrong}": … in body should match '${pattern}'`,
          },
        ]),
  ];
}

function listBounds(place: StructuralSchema, valid: unknown): Bound[] {
  const { minItems, maxItems } = place;
  if (!Array.isArray(valid)) return [];
  const unique = ['map', 'set'].includes(place['x-kubernetes-list-type'] ?? '');
  return [
    ...(minItems === undefined
      ? []
      : [
          {
            kind: 'minItems',
            value: [],
            says: (path: string) =>
              `${path}: Invalid value: 0: … in body should have at least ${minItems} items`,
          },
        ]),
    ...(maxItems === undefined
      ? []
      : [
          {
            kind: 'maxItems',
            value: Array.from({ length: maxItems + 1 }, () => valid[0]),
            says: says(`Too many: ${maxItems + 1}: must have at most ${maxItems} items`),
          },
        ]),
    ...(unique
      ? [
          {
            kind: 'unique',
            value: [valid[0], valid[0]],
            says: (path: string) => `${path}[1]: Duplicate value:`,
          },
        ]
      : []),
  ];
}

function mapBounds(place: StructuralSchema, valid: unknown): Bound[] {
  const { maxProperties, required = [] } = place;
  const missing = required.map((member) => ({
    kind: 'required',
    member,
    value: undefined,
    says: says('Required value'),
  }));
  if (maxProperties === undefined) return missing;
  const [value] = Object.values(valid ?? {});
  const names = Array.from({ length: maxProperties + 1 }, (_, index) => `key-${index}`);
  return [
    ...missing,
    {
      kind: 'maxProperties',
      value: Object.fromEntries(names.map((name) => [name, value])),
      says: says(`Too many: ${maxProperties + 1}: must have at most ${maxProperties} items`),
    },
  ];
}

/** The first place of an object that a path of the schema means. */
function concrete(
  object: unknown,
  path: readonly string[],
): readonly (string | number)[] | undefined {
  const [head, ...rest] = path;
  if (head === undefined) return object === undefined ? undefined : [];
  const names: readonly (string | number)[] =
    head === '[]' && Array.isArray(object)
      ? [...object.keys()]
      : head === '*'
        ? Object.keys(object ?? {})
        : [head];
  for (const name of names) {
    const inner = concrete(memberOf(object, name), rest);
    if (inner !== undefined) return [name, ...inner];
  }
  return undefined;
}

/** A path of an object as one of the schema. */
function generic(schema: StructuralSchema, path: readonly (string | number)[]): string[] {
  const [head, ...rest] = path;
  if (head === undefined) return [];
  const { items, additionalProperties, properties = {} } = schema;
  if (items !== undefined) return ['[]', ...generic(items, rest)];
  if (additionalProperties !== undefined) return ['*', ...generic(additionalProperties, rest)];
  const member = properties[head];
  if (member === undefined) throw new Error(`the schema has no ${head}`);
  return [String(head), ...generic(member, rest)];
}

/** As the API server spells a path. */
const spelled = (path: readonly (string | number)[]): string =>
  path
    .map((name) => (typeof name === 'number' ? `[${name}]` : `.${name}`))
    .join('')
    .slice(1);

function memberOf(object: unknown, name: string | number): unknown {
  if (typeof object !== 'object' || object === null) return undefined;
  return (object as Readonly<Record<string | number, unknown>>)[name];
}

const valueAt = (object: unknown, path: readonly (string | number)[]): unknown =>
  path.reduce(memberOf, object);

/** Violations that one object can show: none stands inside another. */
export function together(violations: readonly Violation[]): Violation[][] {
  const groups: Violation[][] = [];
  for (const violation of violations) {
    const group = groups.find((others) => others.every((other) => apart(violation, other)));
    if (group === undefined) groups.push([violation]);
    else group.push(violation);
  }
  return groups;
}

function apart({ path, kind }: Violation, other: Violation): boolean {
  if (kind !== other.kind) return false;
  const shared = Math.min(path.length, other.path.length);
  return path.slice(0, shared).some((name, index) => name !== other.path[index]);
}

/** Whether an API server said it. */
export const isTold = ({ told }: Violation, text: string): boolean =>
  text.split('\n').some((line) => {
    const parts = told.split('…');
    const from = parts.reduce((start, part) => {
      const place = start < 0 ? -1 : line.indexOf(part, start);
      return place < 0 ? -1 : place + part.length;
    }, 0);
    return from >= 0;
  });

/** The object with all of them. */
export function broken(object: unknown, violations: readonly Violation[]): object {
  // Through JSON: what stands at two places of a sample must not be one object.
  const copy: object = JSON.parse(JSON.stringify(object));
  for (const { path, value } of violations) {
    const holder = valueAt(copy, path.slice(0, -1)) as Record<string | number, unknown>;
    const name = path.at(-1) ?? '';
    if (value === undefined) delete holder[name];
    else holder[name] = value;
  }
  return copy;
}
