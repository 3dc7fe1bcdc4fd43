import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { FIGURES, figure, tabulate } from './figures.ts';

describe('figures', () => {
  let folder: string;
  const at = (name: string) => join(folder, name);
  const was = process.env[FIGURES];

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'figures-'));
    process.env[FIGURES] = at('figures');
    writeFileSync(at('figures'), '');
  });
  afterEach(() => {
    rmSync(folder, { recursive: true });
    if (was === undefined) delete process.env[FIGURES];
    else process.env[FIGURES] = was;
  });

  it('take the place of those of before, and of nothing else', () => {
    figure({ what: 'a', seen: '1', aim: '≤ 2' });
    const page = (table: string) =>
      `before\n\n<!-- figures -->\n${table}<!-- end of figures -->\n\nafter\n`;
    writeFileSync(at('page'), page('\nold\n\n'));
    assert.equal(tabulate(at('figures'), at('page')), 1);
    const table = '\n| | seen | aim |\n|---|---|---|\n| a | 1 | ≤ 2 |\n\n';
    assert.equal(readFileSync(at('page'), 'utf8'), page(table));
  });

  it('are not written where there are none, or no place for them', () => {
    writeFileSync(at('page'), 'nothing');
    assert.throws(() => tabulate(at('figures'), at('page')), /no suite/);
    figure({ what: 'a', seen: '1', aim: '' });
    assert.throws(() => tabulate(at('figures'), at('page')), /no place/);
  });
});
