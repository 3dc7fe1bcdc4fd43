import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { catalogue } from './catalogue.ts';
import { settingsDocument } from './document.ts';
import { helpText } from './help.ts';
import { loadSettings } from './load.ts';
import { settingsWarnings } from './relations.ts';

describe('what is said about settings', () => {
  it('names every one in the document and in --help, with a text and a default', () => {
    const document = settingsDocument();
    const help = helpText();
    for (const { option, variable, text, fallback } of catalogue) {
      assert.ok(document.includes(`\`${variable}\``), variable);
      assert.ok(help.includes(`${option}`), option);
      assert.ok(text.length > 10 && fallback.length > 0, option);
    }
  });

  it('gives no two settings one name', () => {
    const names = catalogue.flatMap(({ option, alias }) => [option, ...(alias ? [alias] : [])]);
    assert.equal(new Set(names).size, names.length);
    assert.equal(new Set(catalogue.map(({ variable }) => variable)).size, catalogue.length);
  });

  it('keeps --help within 100 columns', () => {
    for (const line of helpText().split('\n')) assert.ok(line.length <= 100, line);
  });

  it('warns of what is allowed and dangerous', () => {
    const warnings = (line: string) =>
      settingsWarnings(loadSettings({ argv: line.split(' ').filter(Boolean), env: {} }));
    assert.deepEqual(warnings(''), []);
    assert.equal(warnings('--auth-anonymous').length, 1);
    assert.equal(warnings('--auth-allowed-origins *').length, 1);
    assert.equal(warnings('--auth-jwks-url https://id.example.com/k').length, 1);
    assert.equal(warnings('--auth-jwks-url http://id.example.com/k').length, 2);
    const complete = '--auth-jwks-url http://127.0.0.1:1/k --auth-issuer i --auth-audience a';
    assert.deepEqual(warnings(complete), []);
  });
});
