import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { z } from 'zod';
import { catalogue } from '../../gateway/settings/catalogue.ts';
import { customResourceDefinition, objectSchema } from './custom-resource-definition.ts';
import { crdDocument } from './document.ts';
import { pathText, places, rulesOf } from './schema-walk.ts';
import { wsClusterSpec } from './spec.ts';
import { wsClusterStatus } from './status.ts';
import { type Declared, declared, type StructuralSchema, structural } from './structural-schema.ts';
import { full, fullStatus, minimal, samples } from './testing/samples.ts';
import { columns, scale } from './wscluster.ts';

/** What `kubectl apply` may note in an annotation is a little more than this. */
const DEFINITION_BYTES = 200 * 1024;

const definition = customResourceDefinition();
const schema = objectSchema();
const all = [...places(schema)].map(({ path, schema: place }) => ({
  name: pathText(path),
  path,
  place,
}));
const ours = all.filter(({ path }) => path[0] === 'spec' || path[0] === 'status');

describe('the definition of a WsCluster', () => {
  it('bounds every list, map and text', () => {
    const unbounded = ours.filter(({ place }) => !isBounded(place)).map(({ name }) => name);
    assert.deepEqual(unbounded, []);
  });

  it('bounds every number, on both sides', () => {
    const numbers = ours.filter(({ place }) => place.type === 'integer');
    for (const { name, place } of numbers) {
      assert.ok(place.minimum !== undefined && place.maximum !== undefined, name);
      assert.equal(place.format, place.maximum > 2 ** 31 - 1 ? 'int64' : 'int32', name);
    }
    assert.ok(numbers.length > 50);
  });

  it('says how server-side apply merges every list of more than texts', () => {
    for (const { name, place } of ours.filter(({ place }) => place.items?.type === 'object')) {
      assert.ok(place['x-kubernetes-list-type'] !== undefined, name);
    }
  });

  it('gives list-map keys that every item has', () => {
    const maps = ours.filter(({ place }) => place['x-kubernetes-list-type'] === 'map');
    for (const { name, place } of maps) {
      for (const key of place['x-kubernetes-list-map-keys'] ?? []) {
        assert.ok(place.items?.required?.includes(key), `${name}: ${key}`);
      }
    }
    assert.deepEqual(
      maps.map(({ name }) => name),
      ['spec.imagePullSecrets', 'spec.spread', 'status.conditions', 'status.draining'],
    );
  });

  it('describes every field that is not Kubernetes’ own, times and sizes with their unit', () => {
    const kubernetes = /affinity\.|tolerations\[\]|[sS]elector\./;
    for (const { name, place } of ours) {
      if (kubernetes.test(name) || /(\[\]|\*)$/.test(name)) continue;
      assert.ok((place.description ?? '').length >= 10, name);
      const unit = /(Milliseconds|Seconds|Bytes)$/.exec(name)?.[1]?.toLowerCase();
      if (unit !== undefined) assert.ok(place.description?.includes(`In ${unit}.`), name);
    }
  });

  it('has rules whose messages differ, name a field, and fit a line of a terminal', () => {
    const messages = [...rulesOf(schema).keys()].map(({ message }) => message);
    assert.equal(new Set(messages).size, messages.length);
    for (const message of messages) {
      assert.ok(message.length <= 200 && !/\bself\b|[.]$|\n/.test(message), message);
    }
  });

  it('is small enough for kubectl apply', () => {
    assert.ok(JSON.stringify(definition).length <= DEFINITION_BYTES);
  });

  it('serves versions with one schema, and stores one', () => {
    const [first, ...others] = definition.spec.versions;
    assert.equal(definition.spec.versions.filter(({ storage }) => storage).length, 1);
    for (const { name: _name, storage: _storage, ...other } of others) {
      const { name: _, storage: __, ...same } = first ?? {};
      assert.deepEqual(other, same);
    }
  });

  it('shows and scales by fields that are there', () => {
    const names = new Set(all.map(({ name }) => name));
    const paths = [...columns.map(({ jsonPath }) => jsonPath), ...Object.values(scale)];
    for (const path of paths.filter((path) => !path.startsWith('.metadata.'))) {
      assert.ok(names.has(path.slice(1).replace(/\[\?.*?\]/, '[]')), path);
    }
  });
});

function isBounded(place: StructuralSchema): boolean {
  const { type, maxLength, maxItems, maxProperties, format, additionalProperties } = place;
  if (type === 'array') return maxItems !== undefined;
  if (additionalProperties !== undefined) return maxProperties !== undefined;
  const isText = type === 'string' || place['x-kubernetes-int-or-string'] === true;
  return !isText || maxLength !== undefined || format !== undefined || place.enum !== undefined;
}

describe('the declaration of a WsCluster', () => {
  const fields = [...declaredFields(declared(wsClusterSpec), 'spec')];

  it('takes bounds and defaults from the settings that fields become', () => {
    const becoming = fields.filter(({ field }) => field.setting !== undefined);
    for (const { name, field } of becoming) {
      const setting = catalogue.find((candidate) => candidate.name === field.setting);
      assert.ok(setting !== undefined, `${name}: ${field.setting}`);
      if (field.type !== 'integer') continue;
      const [, min, max] = /from (\d+) to (\d+)/.exec(setting.wanted) ?? [];
      const { minimum = Number.NaN, maximum = Number.NaN, scale: factor = 1 } = field;
      assert.ok(minimum * factor - Number(min) < factor && maximum * factor <= Number(max), name);
      if (field.default === undefined) continue;
      assert.equal(Number(field.default) * factor, Number(setting.fallback), name);
    }
    assert.ok(becoming.length > 35);
  });

  it('gives each setting to one field', () => {
    const settings = fields.flatMap(({ field }) => field.setting ?? []);
    assert.equal(new Set(settings).size, settings.length);
  });

  it('fills in defaults that are valid by themselves', () => {
    const whole = wsClusterSpec.parse(minimal);
    assert.deepEqual(wsClusterSpec.parse(whole), whole);
    assert.equal(whole.replicas, 3);
    assert.equal(whole.heartbeat.intervalSeconds, 15);
  });

  it('gives an object that is empty what one gets that is absent', () => {
    const groups = Object.entries(declared(wsClusterSpec).properties ?? {});
    const empty = groups.filter(([, { type, default: whole }]) => type === 'object' && whole);
    for (const [name] of empty.filter(([name]) => name !== 'resources')) {
      assert.deepEqual(
        wsClusterSpec.parse({ ...minimal, [name]: {} }),
        wsClusterSpec.parse(minimal),
        name,
      );
    }
    assert.ok(empty.length >= 9);
  });

  it('has samples for every field', () => {
    const specs = Object.values(samples).flatMap((sample) => [...pathsOf(sample, 'spec')]);
    const said = new Set([...specs, ...pathsOf(fullStatus, 'status')]);
    const silent = ours.map(({ name }) => name).filter((name) => !said.has(name));
    assert.deepEqual(silent, []);
  });

  it('takes the samples, and refuses fields that do not exist', () => {
    for (const sample of Object.values(samples)) wsClusterSpec.parse(sample);
    assert.equal(wsClusterSpec.safeParse({ ...full, bogus: 1 }).success, false);
    assert.equal(wsClusterStatus.safeParse({ phase: 'Ready' }).success, false);
  });
});

function* declaredFields(
  field: Declared,
  name: string,
): Generator<{ readonly name: string; readonly field: Declared }, void, undefined> {
  yield { name, field };
  for (const [key, member] of Object.entries(field.properties ?? {})) {
    yield* declaredFields(member, `${name}.${key}`);
  }
  if (field.items !== undefined) yield* declaredFields(field.items, `${name}[]`);
}

/** `spec.spread[].maxSkew`, also `spec.pod.labels.*`. */
function* pathsOf(value: unknown, name: string): Generator<string, void, undefined> {
  yield name;
  if (Array.isArray(value)) for (const item of value) yield* pathsOf(item, `${name}[]`);
  else if (typeof value === 'object' && value !== null) {
    for (const [key, member] of Object.entries(value)) {
      yield* pathsOf(member, `${name}.${key}`);
      yield* pathsOf(member, `${name}.*`);
    }
  }
}

describe('a structural schema', () => {
  const made = (type: z.ZodType) => structural(declared(z.strictObject({ field: type })), '');

  it('is refused for what an API server could not check', () => {
    const open = z.object({ inner: z.string() });
    assert.throws(() => made(z.union([z.string(), z.strictObject({})])), /field: a union/);
    assert.throws(() => made(open), /field: an object has named fields/);
    assert.throws(() => made(z.string().regex(/^(?!a)/)), /field: RE2 cannot read/);
    assert.throws(() => made(z.string().email()), /field: format email/);
    assert.throws(() => made(z.number()), /field: type number/);
    assert.throws(() => made(z.int().multipleOf(2)), /field: no CRD can say multipleOf/);
  });

  it('keeps bounds of an integer or text apart', () => {
    const either = z.union([z.int().min(1).max(9), z.string().max(4)]);
    assert.deepEqual(made(either.meta({ intOrString: true })).properties?.['field'], {
      'x-kubernetes-int-or-string': true,
      minimum: 1,
      maximum: 9,
      maxLength: 4,
    });
  });
});

describe('what is said about a WsCluster', () => {
  it('names every section, rule and condition in the document', () => {
    const document = crdDocument();
    for (const name of Object.keys(declared(wsClusterSpec).properties ?? {})) {
      assert.ok(new RegExp(`^(## spec\\.${name}|\\| \`${name}\`)`, 'm').test(document), name);
    }
    for (const { message } of rulesOf(schema).keys()) assert.ok(document.includes(message));
    assert.ok(document.includes('| `RedisSuitable` |'));
  });
});
