import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type AtOnce, runTests, type TestEvent } from './runner.ts';

const kinds = (events: readonly TestEvent[]) =>
  events.map((event) => event.kind).filter((kind) => kind !== 'start' && kind !== 'output');

let root = '';
before(() => {
  root = mkdtempSync(join(tmpdir(), 'wscluster-runner-'));
});
after(() => rmSync(root, { recursive: true }));

async function run(source: string, fileDeadlineMs = 30_000): Promise<TestEvent[]> {
  const file = join(root, 'x.test.ts');
  writeFileSync(file, `import { describe, it } from 'node:test';\n${source}`);
  return runAll([file], { least: 1, most: 1, idle: () => 0 }, fileDeadlineMs);
}

async function runAll(
  files: readonly string[],
  atOnce: AtOnce,
  fileDeadlineMs = 30_000,
): Promise<TestEvent[]> {
  const events: TestEvent[] = [];
  const options = { root, files, atOnce, fileDeadlineMs };
  // A run inside of a test would be taken for a part of that test.
  const context = process.env['NODE_TEST_CONTEXT'];
  delete process.env['NODE_TEST_CONTEXT'];
  try {
    await runTests(options, (event) => events.push(event));
  } finally {
    if (context !== undefined) process.env['NODE_TEST_CONTEXT'] = context;
  }
  return events;
}

describe('the test runner', () => {
  /** How many of some files were at work at the same time, at most. */
  async function crowd(atOnce: Partial<AtOnce>): Promise<number> {
    const files = ['a', 'b', 'c'].map((name) => join(root, `${name}.test.ts`));
    const source = (file: string) => `
      import { readdirSync, rmSync, writeFileSync } from 'node:fs';
      import { it } from 'node:test';
      it('works', async () => {
        writeFileSync('${file}.works', '');
        await new Promise((resolve) => setTimeout(resolve, 2_000));
        const crowd = readdirSync('${root}').filter((name) => name.endsWith('.works'));
        rmSync('${file}.works');
        console.log(crowd.length);
      });`;
    for (const file of files) writeFileSync(file, source(file));
    const crowds = (await runAll(files, { least: 1, most: 3, idle: () => 1, ...atOnce }))
      .filter((event) => event.kind === 'output')
      .map(({ text }) => Number(text));
    assert.equal(crowds.length, files.length);
    return Math.max(...crowds);
  }

  it('tells passed, skipped and failed tests apart, and counts no group', async () => {
    const events = await run(`
      describe('group', () => {
        it('passes', () => {});
        it('skips', { skip: 'why' }, () => {});
        it('fails', () => { throw new Error('boom'); });
      });`);
    assert.deepEqual(kinds(events), ['passed', 'skipped', 'failed', 'file-ended']);
    const failed = events.find((event) => event.kind === 'failed');
    assert.match(failed?.error ?? '', /Error: boom/);
  });

  it('passes on what a test warns of, and no other diagnostic', async () => {
    const events = await run(`
      it('x', (test) => {
        test.diagnostic('a table');
        test.diagnostic('warning: ran twice');
      });`);
    const warnings = events.filter((event) => event.kind === 'warning');
    assert.deepEqual(
      warnings.map(({ text }) => text),
      ['ran twice'],
    );
  });

  it('counts a failing hook of a group', async () => {
    const events = await run(`
      import { before } from 'node:test';
      describe('group', () => { before(() => { throw new Error('hook'); }); it('x', () => {});
      });`);
    assert.ok(kinds(events).includes('failed'));
  });

  it('reports a file that cannot be loaded', async () => {
    const end = (await run(`throw new Error('at load');`)).at(-1);
    assert.ok(end?.kind === 'file-ended' && end.problem !== undefined);
  });

  it('begins more files while processors are idle, never more than it may', async () => {
    assert.equal(await crowd({ most: 2 }), 2);
    assert.equal(await crowd({ idle: () => 0.1 }), 1);
  });

  it('begins no more of those that are heavy than it may', async () => {
    const some = (file: string) => !file.includes('b.test');
    assert.equal(await crowd({ heavy: { is: some, most: 1 } }), 2);
    assert.equal(await crowd({ heavy: { is: () => true, most: 1 } }), 1);
    assert.equal(await crowd({ heavy: { is: () => true, most: 2 } }), 2);
  });

  it('kills a file that does not end in time', async () => {
    const hang = `it('hangs', () => new Promise(() => setInterval(() => {}, 1e6)));`;
    const end = (await run(hang, 1_000)).at(-1);
    assert.ok(end?.kind === 'file-ended');
    assert.equal(end.problem, 'It did not end within 1000 ms.');
  });
});

describe('what was late', () => {
  /** It ends well when it runs for the second time. */
  const unless = (statement: string) => `
    import assert from 'node:assert/strict';
    import { existsSync, mkdtempSync, writeFileSync } from 'node:fs';
    import { Late } from '${join(import.meta.dirname, 'late.ts')}';
    it('x', { timeout: 1_000 }, async () => {
      if (existsSync('${join(root, 'ran')}')) return;
      writeFileSync('${join(root, 'ran')}', '');
      ${statement}
    });`;
  const twice = (statement: string) => {
    rmSync(join(root, 'ran'), { force: true });
    return run(unless(statement));
  };

  it('runs what was late once more, and counts only that', async () => {
    const late = ['file-ended', 'passed', 'late'];
    const statements = [
      `throw new Late('not within 5 ms');`,
      `throw new Error('row 1', { cause: new Late('not within 5 ms') });`,
      `throw Object.assign(new Error('page.goto'), { name: 'TimeoutError' });`,
      'await new Promise((resolve) => setTimeout(resolve, 2_000));',
    ];
    for (const statement of statements) {
      assert.deepEqual(kinds(await twice(statement)).toReversed(), late, statement);
    }
  });

  it('runs nothing else once more', async () => {
    const statements = [
      'assert.equal(1, 2);',
      `throw new Error('boom');`,
      `Promise.reject(new Error('nobody waits')); await new Promise(setImmediate);`,
      'process.exit(3);',
    ];
    for (const statement of statements) {
      const all = kinds(await twice(statement));
      assert.ok(!all.includes('late') && !all.includes('passed'), `${statement} ${all}`);
    }
  });

  it('fails what is late twice', async () => {
    const events = await run(`
      import { Late } from '${join(import.meta.dirname, 'late.ts')}';
      it('x', () => { throw new Late('not within 5 ms'); });`);
    assert.deepEqual(kinds(events), ['late', 'failed', 'file-ended']);
  });

  it('runs nothing twice where many files are late', async () => {
    const files = ['a', 'b', 'c', 'd'].map((name) => join(root, `${name}.test.ts`));
    const source = `import { it } from 'node:test';
      import { Late } from '${join(import.meta.dirname, 'late.ts')}';
      it('x', () => { throw new Late('not within 5 ms'); });`;
    for (const file of files) writeFileSync(file, source);
    const events = await runAll(files, { least: 4, most: 4, idle: () => 0 });
    assert.equal(events.filter(({ kind }) => kind === 'failed').length, 4);
    assert.equal(events.filter(({ kind }) => kind === 'file-ended').length, 4);
  });
});
