import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ManualClock, turn } from '../../protocol/testing/manual-clock.ts';
import { Controller, type ControllerOptions, type Reconcile, TerminalError } from './controller.ts';
import { type ReconcileResult, silentQueueCounts } from './counts.ts';
import { refused } from './kube-error.ts';
import { RecordingLog } from './testing/recording-log.ts';

function controllerOf(reconcile: Reconcile, options: Partial<ControllerOptions> = {}) {
  const clock = new ManualClock();
  const log = new RecordingLog();
  const results: ReconcileResult[] = [];
  const counts = {
    reads: () => {},
    reconciled: (result: ReconcileResult) => results.push(result),
    terminal: () => {},
    queue: silentQueueCounts,
  };
  const controller = new Controller({
    ...{ name: 'test', reconcile, clock, log, counts, random: () => 1 },
    ...options,
  });
  return { controller, clock, log, results };
}

const answered = (code: number, retryAfterSeconds?: number) => {
  const status = retryAfterSeconds === undefined ? undefined : { retryAfterSeconds };
  return refused({ code, what: 'GET', status, wallMs: 0 });
};

describe('a controller', () => {
  test('works on what was added before its start and after, and again when asked', async () => {
    const seen: string[] = [];
    const { controller, clock, results } = controllerOf(async (key) => {
      seen.push(key);
      return key === 'again' ? { againAfterMs: 1000 } : {};
    });
    controller.add('before');
    await clock.advance(10);
    assert.deepEqual(seen, []);
    controller.start();
    controller.add('again');
    await clock.advance(2500);
    assert.deepEqual(seen, ['before', 'again', 'again', 'again']);
    assert.deepEqual(results.slice(0, 2), ['success', 'requeue_after']);
    await controller.stop();
    assert.equal(clock.timers, 0);
  });

  for (const { error, tries, last } of [
    { error: new Error('any'), tries: 5, last: 'error' },
    { error: answered(500), tries: 5, last: 'error' },
    { error: answered(409), tries: 5, last: 'requeue' },
    { error: answered(429, 30), tries: 1, last: 'error' },
    { error: answered(422), tries: 1, last: 'error' },
    { error: new TerminalError('never'), tries: 1, last: 'error' },
  ] as const) {
    test(`tries again as the error says: ${error.message}`, async () => {
      let tried = 0;
      const { controller, clock, results } = controllerOf(async () => {
        tried += 1;
        throw error;
      });
      controller.start();
      controller.add('a');
      await clock.advance(2000);
      assert.equal(tried, tries);
      assert.equal(results.at(-1), last);
      // A change is a reason to try again, whatever was said.
      controller.add('a');
      await clock.advance(10);
      assert.equal(tried, tries + 1);
      await controller.stop();
    });
  }

  test('works on as many as it may, and never on one twice', async () => {
    const running = new Set<string>();
    let most = 0;
    const { controller, clock } = controllerOf(
      async (key) => {
        assert.ok(!running.has(key));
        running.add(key);
        most = Math.max(most, running.size);
        await new Promise<void>((resolve) => clock.after(100, resolve));
        running.delete(key);
        return {};
      },
      { workers: 3 },
    );
    controller.start();
    for (let count = 0; count < 20; count += 1) {
      for (const key of ['a', 'b', 'c', 'd', 'e']) controller.add(key);
      await clock.advance(30);
    }
    assert.equal(most, 3);
    await clock.advance(1000);
    await controller.stop();
  });

  test('ends what takes too long, and tries it again', async () => {
    let tried = 0;
    const { controller, clock, log } = controllerOf(
      (_key, signal) => {
        tried += 1;
        return new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => reject(signal.reason));
        });
      },
      { deadlineMs: 5000 },
    );
    controller.start();
    controller.add('a');
    await clock.advance(5200);
    assert.equal(tried, 2);
    assert.ok(log.lines.includes('warn: failed, trying again'));
    await controller.stop();
  });

  test('stops when what is under way has ended, and begins nothing', async () => {
    let finish = () => {};
    let aborted = false;
    const { controller, clock, log } = controllerOf(async (_key, signal) => {
      signal.addEventListener('abort', () => {
        aborted = true;
      });
      await new Promise<void>((resolve) => {
        finish = resolve;
      });
      throw new Error('in the middle');
    });
    controller.start();
    controller.add('a');
    controller.add('b');
    await turn();
    let stopped = false;
    const stopping = controller.stop().then(() => {
      stopped = true;
    });
    await turn();
    assert.deepEqual([aborted, stopped], [true, false]);
    finish();
    await stopping;
    assert.equal(controller.add('c'), 'closed');
    assert.equal(clock.timers, 0);
    assert.deepEqual(log.lines, ['debug: ended by the stop']);
  });
});
