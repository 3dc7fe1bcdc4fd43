import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { runTests, type TestEvent } from './runner.ts';

describe('the test runner', () => {
  let root = '';
  before(() => {
    root = mkdtempSync(join(tmpdir(), 'wscluster-runner-'));
  });
  after(() => rmSync(root, { recursive: true }));

  async function run(source: string, fileDeadlineMs = 30_000): Promise<TestEvent[]> {
    const file = join(root, 'x.test.ts');
    writeFileSync(file, `import { describe, it } from 'node:test';\n${source}`);
    const events: TestEvent[] = [];
    const options = { root, files: [file], concurrency: 1, fileDeadlineMs };
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

  const kinds = (events: readonly TestEvent[]) =>
    events.map((event) => event.kind).filter((kind) => kind !== 'start' && kind !== 'output');

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

  it('kills a file that does not end in time', async () => {
    const hang = `it('hangs', () => new Promise(() => setInterval(() => {}, 1e6)));`;
    const end = (await run(hang, 1_000)).at(-1);
    assert.ok(end?.kind === 'file-ended');
    assert.equal(end.problem, 'It did not end within 1000 ms.');
  });
});
