import assert from 'node:assert/strict';
import { join } from 'node:path';
import { afterEach, describe, it } from 'node:test';
import { pathToFileURL } from 'node:url';
import { until, within } from '../e2e/deadline.ts';
import { Child } from '../e2e/processes/child.ts';

const here = (name: string) => pathToFileURL(join(import.meta.dirname, name)).href;
/** Says what it is asked, and ends when `end` lets it. */
const program = (end: string, then = '') => `
  const { endWhenTold } = await import(${JSON.stringify(here('ending.ts'))});
  endWhenTold({
    end: ${end},
    refuse: (error) => { console.log('refused:', error.message); process.exit(3); },
    told: (signal) => console.log('told:', signal),
    broken: (error) => console.log('broken:', error.message),
  });
  setInterval(() => {}, 1_000);
  console.log('runs');
  ${then}`;

describe('a program of ours', () => {
  const children: Child[] = [];
  afterEach(async () => {
    await Promise.all(children.splice(0).map((child) => child.end('SIGKILL')));
  });

  const start = (source: string, node: readonly string[] = []) => {
    const args = [...node, '--input-type=module', '--eval', source];
    const child = new Child({ command: process.execPath, args });
    children.push(child);
    return child;
  };
  const running = async (source: string) => {
    const child = start(source);
    await until(() => child.output.includes('runs'), {
      for: () => `it to run: ${child.output}`,
      deadlineMs: 20_000,
    });
    return child;
  };
  const code = async (child: Child) =>
    (await within(child.exited, { for: () => `an end of ${child.output}`, deadlineMs: 20_000 }))
      .code;

  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    it(`ends with 0 after ${signal}, when all is ended`, async () => {
      const child = await running(program("async () => console.log('ended')"));
      process.kill(child.pid, signal);
      assert.equal(await code(child), 0);
      assert.match(child.output, new RegExp(`told: ${signal}\nended`));
    });
  }

  it('takes two signals at once for one, and ends at once after another', async () => {
    const child = await running(program('() => new Promise(() => {})'));
    process.kill(child.pid, 'SIGINT');
    process.kill(child.pid, 'SIGTERM');
    await until(() => child.output.includes('told'), { for: 'the signal to be told' });
    let after = 0;
    await until(
      () => {
        if (child.exit !== undefined) return true;
        after += 1;
        process.kill(child.pid, 'SIGTERM');
        return false;
      },
      { for: 'its end', deadlineMs: 20_000, everyMs: 100 },
    );
    assert.equal(await code(child), 1);
    assert.ok(after > 1, 'not by those of the same moment');
    assert.equal(child.output.match(/told/g)?.length, 1);
  });

  it('ends with 1 after a mistake of ours, and with nothing else after the next', async () => {
    const mistakes = `
      Promise.reject(new Error('one'));
      setTimeout(() => { throw new Error('two'); }, 10);`;
    const slow = '() => new Promise((resolve) => setTimeout(resolve, 300))';
    const child = start(program(slow, mistakes));
    assert.equal(await code(child), 1);
    assert.match(child.output, /broken: one\nbroken: two/);
  });

  it('says why it could not end', async () => {
    const child = await running(program("() => Promise.reject(new Error('held'))"));
    process.kill(child.pid, 'SIGTERM');
    assert.equal(await code(child), 3);
    assert.match(child.output, /refused: held/);
  });

  it('ends with 0 where SIGTERM came while it was loaded, and asked for it', async () => {
    // A signal is heard when the loop turns.
    const told =
      'data:text/javascript,process.kill(process.pid,"SIGTERM");' +
      'await new Promise((resolve) => setTimeout(resolve, 50))';
    const loaded = ['--import', here('early-signal.ts'), '--import', told];
    const child = start(program("() => Promise.reject(new Error('nothing had begun'))"), loaded);
    assert.equal(await code(child), 0);
    assert.doesNotMatch(child.output, /runs|refused/);
    const without = start(program('async () => {}'), ['--import', told]);
    assert.deepEqual(await within(without.exited, { for: 'its end', deadlineMs: 20_000 }), {
      code: null,
      signal: 'SIGTERM',
    });
  });
});
