import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { parse } from 'yaml';
import { customResourceDefinition } from '../../operator/api/custom-resource-definition.ts';
import { wsClusterSpec } from '../../operator/api/spec.ts';
import { operatorSettings } from '../../operator/settings/declaration.ts';
import { crdTemplate } from './crd-template.ts';
import { policyRules, secretReferences } from './policy-rules.ts';
import { type ValueField, valueFields } from './value-fields.ts';
import { chartValues } from './values.ts';
import { valuesFile } from './values-file.ts';

const TEMPLATES = join(import.meta.dirname, '../../charts/wscluster/templates');
const templates = globSync('**/*.{yaml,tpl,txt}', { cwd: TEMPLATES })
  .map((path) => readFileSync(join(TEMPLATES, path), 'utf8'))
  .join('\n');

const leaves = (fields: readonly ValueField[]): ValueField[] =>
  fields.flatMap((field) => (field.members.length > 0 ? leaves(field.members) : [field]));
/** From the root, or of a group that `with` or an argument has opened. */
const isUsed = (path: readonly string[]) => {
  const [last] = path.slice(-1);
  const whole = `.Values.${path.join('.')}`;
  const opened = path.slice(0, -1).join('.');
  const within = opened !== '' && templates.includes(`.Values.${opened}`);
  return (
    templates.includes(whole) || (within && new RegExp(`[ (.$]\\.?${last}\\b`).test(templates))
  );
};

describe('the values of the chart', () => {
  it('are in values.yaml what the declaration says', () => {
    assert.deepEqual(parse(valuesFile()), chartValues.parse({}));
  });

  it('are all used by a template', () => {
    const idle = leaves(valueFields).filter(({ path }) => !isUsed(path));
    assert.deepEqual(
      idle.map(({ path }) => path.join('.')),
      [],
    );
  });

  it('are all declared that a template uses', () => {
    const named = [...templates.matchAll(/\.Values\.([\w.]*\w)/g)].map(([, path = '']) => path);
    const known = new Set<string>();
    const note = (fields: readonly ValueField[]) => {
      for (const { path, members } of fields) {
        known.add(path.join('.'));
        note(members);
      }
    };
    note(valueFields);
    assert.deepEqual(
      named.filter((path) => !known.has(path)),
      [],
    );
  });

  it('have the bounds of the settings that they become', () => {
    const { workers, logLevel, watchNamespaces } = operatorSettings.shape;
    for (const [name, wrong] of [
      ['workers', 0],
      ['logLevel', 'loud'],
      ['watchNamespaces', ['A']],
    ] as const) {
      assert.equal({ workers, logLevel, watchNamespaces }[name].safeParse(wrong).success, false);
      assert.equal(chartValues.safeParse({ [name]: wrong }).success, false, name);
    }
  });
});

describe('the definition in the chart', () => {
  it('is that of crds/', () => {
    const text = crdTemplate();
    const schema = /"wscluster\.crd\.schema" -\}\}\n(.*)\n/.exec(text)?.[1] ?? '';
    const body = text
      .slice(text.indexOf('\nspec:\n'), text.lastIndexOf('{{- end }}'))
      .replaceAll('{{ include "wscluster.crd.schema" . }}', () => schema)
      .replaceAll('{{ "{{" }}', '{{');
    const { spec } = customResourceDefinition();
    assert.deepEqual(parse(body), JSON.parse(JSON.stringify({ spec })));
  });
});

describe('the policy', () => {
  it('speaks of fields that there are', () => {
    const schema = JSON.parse(JSON.stringify(wsClusterSpec.toJSONSchema({ io: 'input' })));
    const paths = [...policyRules.flatMap(({ parts }) => parts), ...secretReferences];
    for (const path of paths) {
      let at = schema;
      for (const name of path.split('.')) at = at?.properties?.[name];
      assert.ok(at !== undefined, path);
    }
  });

  it('asks about every Secret that a WsCluster names', () => {
    const found: string[] = [];
    const walk = (schema: { properties?: Record<string, object> }, path: readonly string[]) => {
      for (const [name, member] of Object.entries(schema.properties ?? {})) {
        if (name.endsWith('SecretRef')) found.push([...path, name].join('.'));
        walk(member, [...path, name]);
      }
    };
    walk(JSON.parse(JSON.stringify(wsClusterSpec.toJSONSchema({ io: 'input' }))), []);
    assert.deepEqual(found.toSorted(), secretReferences.toSorted());
  });
});
