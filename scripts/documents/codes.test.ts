import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { closeCodes, errorCodes, gapReasons, moveReasons } from '../../protocol/codes.ts';
import { withCodeTables } from './codes.ts';

const names = ['close-codes', 'error-codes', 'gap-reasons', 'move-reasons'];
const section = (name: string) => `<!-- generated:${name} -->\nOUTDATED\n<!-- /generated -->\n`;
const page = `before\n${names.map(section).join('text\n')}after\n`;

describe('the tables of codes in docs/protocol.md', () => {
  it('name every code and keep the text around them', () => {
    const made = withCodeTables(page);
    for (const { code, name } of Object.values(closeCodes)) {
      assert.ok(made.includes(`| ${code} | \`${name}\` |`), name);
    }
    for (const name of Object.keys({ ...errorCodes, ...gapReasons, ...moveReasons })) {
      assert.ok(made.includes(`| \`${name}\` |`), name);
    }
    assert.ok(
      made.startsWith('before\n') && made.endsWith('after\n') && !made.includes('OUTDATED'),
    );
  });

  it('say which errors a WebSocket never brings, and which the HTTP API', () => {
    const made = withCodeTables(page);
    assert.ok(made.includes('| `rate_limited` | HTTP | 429 | yes |'));
    assert.ok(made.includes('| `hello_first` | WebSocket | 400 | no |'));
    assert.ok(made.includes('| `unknown_outcome` | both | 504 | yes |'));
  });

  it('are the same when made twice', () => {
    const once = withCodeTables(page);
    assert.equal(withCodeTables(once), once);
  });

  it('need their markers', () => {
    assert.throws(() => withCodeTables('no markers'), /lacks <!-- generated:close-codes -->/);
  });
});
