import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseFaultOptions } from './options.ts';
import { rows } from './rows.ts';

/** The rows that run; the rest of the outcome when they do not. */
function outcome(...args: readonly string[]): string {
  const parsed = parseFaultOptions(args);
  if (parsed.kind === 'wrong') return parsed.message;
  return parsed.kind === 'help' ? 'help' : parsed.options.rows.map(({ row }) => row).join(' ');
}

describe('the command line of fault rows', () => {
  it('runs all rows when none is named', () => {
    assert.equal(outcome(), rows.map(({ row }) => row).join(' '));
  });

  it('takes a number for all variants of a row, and a variant for itself', () => {
    assert.equal(outcome('--row', '25'), '25 25r 25u');
    assert.equal(outcome('--row', '25r'), '25r');
  });

  it('does not take the beginning of a number for it', () => {
    assert.match(outcome('--row', '1'), /^1( 1[a-z])*$/);
  });

  it('runs a row once, in the order of the list, however often it is named', () => {
    const told = outcome('--row', '25', '--row', '25r', '--row', '1', '--row', '1');
    assert.match(told, /^1( 1[a-z])* 25 25r 25u$/);
  });

  it('refuses a row that is not there, beside one that is', () => {
    assert.match(outcome('--row', '25', '--row', '999'), /no row "999"/);
    assert.match(outcome('--row', ''), /no row ""/);
  });

  it('takes deliveries and a seed, and refuses what are none', () => {
    const parsed = parseFaultOptions(['--deliveries', '5000', '--seed', '7']);
    assert.ok(parsed.kind === 'run');
    assert.deepEqual([parsed.options.deliveries, parsed.options.seed], [5_000, 7]);
    for (const bad of ['999', 'many', '1e99', '5000.5']) {
      assert.match(outcome('--deliveries', bad), /^--deliveries needs/);
    }
    for (const bad of ['-1', 'x', '0.5']) assert.match(outcome(`--seed=${bad}`), /^--seed needs/);
  });

  it('explains itself, whatever else is asked for', () => {
    const parsed = parseFaultOptions(['--row', '999', '--help']);
    assert.ok(parsed.kind === 'help');
    for (const { row } of rows) assert.ok(parsed.text.split(/\s/).includes(row), row);
  });

  it('refuses what it does not know', () => {
    assert.match(outcome('--full'), /--full/);
    assert.match(outcome('25'), /25/);
  });
});
