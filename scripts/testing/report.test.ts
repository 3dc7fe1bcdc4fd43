import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Report } from './report.ts';
import type { TestEvent } from './runner.ts';

const file = 'a.test.ts';
const passed: TestEvent = { kind: 'passed', file, name: 'one', nesting: 0 };
const skipped: TestEvent = { kind: 'skipped', file, name: 'two', nesting: 0, reason: 'no Redis' };
const failed: TestEvent = {
  ...{ kind: 'failed', file, name: 'three', nesting: 0 },
  ...{ error: 'boom', late: false },
};
const ended: TestEvent = { kind: 'file-ended', file, durationMs: 1_500 };

function report(events: readonly TestEvent[], skipsFail = false): { lines: string[]; bad: number } {
  const lines: string[] = [];
  const subject = new Report((line) => lines.push(line), { skipsFail });
  for (const event of events) subject.on(event);
  subject.finish(2, []);
  return { lines, bad: subject.failed };
}

describe('the report of a test run', () => {
  it('ends with exactly the totals', () => {
    assert.equal(report([passed, ended]).lines.at(-1), '1 passed, 0 failed');
    const all = report([passed, skipped, failed, ended]);
    assert.equal(all.lines.at(-1), '1 passed, 1 failed, 1 skipped');
    assert.equal(all.bad, 1);
  });

  it('shows a failure in full with the groups that it is in', () => {
    const { lines } = report([
      { kind: 'start', name: 'group', nesting: 0 },
      { ...failed, nesting: 1 },
      ended,
    ]);
    assert.ok(lines.includes('\nFAILED a.test.ts: group › three\n    boom'));
  });

  it('lists each skip with its reason', () => {
    const { lines, bad } = report([passed, skipped, ended]);
    assert.ok(lines.includes('  a.test.ts: two: no Redis'));
    assert.equal(bad, 0);
  });

  it('tells at the end what a test warned of', () => {
    const warned: TestEvent = { kind: 'warning', file, text: 'done again' };
    const { lines, bad } = report([warned, passed, ended]);
    assert.ok(lines.includes('! a.test.ts: done again'));
    assert.equal(bad, 0);
  });

  it('tells at once why a file was late, and at the end that it ran twice', () => {
    const late: TestEvent = { kind: 'late', file, errors: ['three: not within 1 ms\n at x'] };
    const { lines, bad } = report([late, passed, ended]);
    assert.match(lines[0] ?? '', /late {3}a\.test\.ts: .*\n {4}three: not within 1 ms\n {4} at x/);
    assert.ok(lines.includes('! a.test.ts: was late, and ran twice: three: not within 1 ms'));
    assert.equal(bad, 0);
  });

  it('counts a skip as a failure where skips are failures', () => {
    const { lines, bad } = report([passed, skipped, ended], true);
    assert.equal(bad, 1);
    assert.equal(lines.at(-1), '1 passed, 1 failed');
  });

  it('fails a file that ran no test, and one that itself ended badly', () => {
    assert.equal(report([ended]).bad, 1);
    assert.equal(report([passed, { ...ended, problem: 'exit code 3' }]).bad, 1);
  });

  it('shows what a file printed only when it failed', () => {
    const output: TestEvent = { kind: 'output', file, text: 'noise' };
    assert.ok(!report([output, passed, ended]).lines.join('\n').includes('noise'));
    assert.ok(report([output, failed, ended]).lines.join('\n').includes('noise'));
  });
});
