import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { ManualClock } from '../../protocol/testing/manual-clock.ts';
import { WorkQueue, type WorkQueueOptions } from './work-queue.ts';

function queueOf(options: Partial<WorkQueueOptions> = {}) {
  const clock = new ManualClock();
  const queue = new WorkQueue({ clock, random: () => 1, ...options });
  return { clock, queue };
}

/** What can be taken now. */
async function takeAll(queue: WorkQueue): Promise<string[]> {
  const taken: string[] = [];
  while (queue.state.depth.high + queue.state.depth.low > 0) {
    taken.push((await queue.take()) ?? assert.fail());
  }
  return taken;
}

describe('a work queue', () => {
  test('gives out each key once, in the order of coming', async () => {
    const { queue } = queueOf();
    assert.deepEqual(
      ['a', 'b', 'a', 'c', 'b'].map((key) => queue.add(key)),
      ['queued', 'queued', 'known', 'queued', 'known'],
    );
    assert.deepEqual(await takeAll(queue), ['a', 'b', 'c']);
  });

  test('holds a key that is worked on, and gives it again, once, when that is done', async () => {
    const { queue } = queueOf();
    queue.add('a');
    await queue.take();
    queue.add('a');
    queue.add('a');
    assert.deepEqual(await takeAll(queue), []);
    queue.done('a');
    assert.deepEqual(await takeAll(queue), ['a']);
    queue.done('a');
    assert.deepEqual(await takeAll(queue), []);
    assert.throws(() => queue.done('a'), /nobody works on a/);
  });

  test('gives all that have a reason before any that have none', async () => {
    const { queue } = queueOf();
    for (const key of ['r1', 'r2', 'r3']) queue.add(key, 'low');
    queue.add('x');
    queue.add('r2');
    assert.equal(queue.add('x', 'low'), 'known');
    assert.deepEqual(queue.state.depth, { high: 2, low: 2 });
    assert.deepEqual(await takeAll(queue), ['x', 'r2', 'r1', 'r3']);
    queue.add('x', 'low');
    queue.add('y');
    queue.done('x');
    assert.deepEqual(await takeAll(queue), ['y', 'x']);
  });

  test('gives every other turn to one without a reason that has waited for long', async () => {
    const { queue, clock } = queueOf();
    for (const key of ['r1', 'r2', 'r3']) queue.add(key, 'low');
    await clock.advance(29_999);
    for (const key of ['x1', 'x2', 'x3', 'x4']) queue.add(key);
    assert.equal(await queue.take(), 'x1');
    await clock.advance(1);
    const taken = [await queue.take(), await queue.take(), await queue.take(), await queue.take()];
    assert.deepEqual(taken, ['r1', 'x2', 'r2', 'x3']);
    queue.add('r4', 'low');
    assert.deepEqual(await takeAll(queue), ['r3', 'x4', 'r4']);
  });

  test('gives to who waits, in the order in which they came to wait', async () => {
    const { queue } = queueOf();
    const takers = [queue.take(), queue.take()];
    queue.add('a');
    queue.add('b');
    assert.deepEqual(await Promise.all(takers), ['a', 'b']);
  });

  test('gives a key later: at the earliest time that was asked for', async () => {
    const { queue, clock } = queueOf();
    queue.addAfter('a', 1000);
    assert.equal(queue.addAfter('a', 2000), 'known');
    queue.addAfter('a', 500);
    await clock.advance(499);
    assert.deepEqual(await takeAll(queue), []);
    await clock.advance(1);
    assert.deepEqual(await takeAll(queue), ['a']);
    queue.done('a');
    await clock.advance(5000);
    assert.deepEqual(await takeAll(queue), []);
  });

  test('forgets what was planned when the key is given out: its worker plans anew', async () => {
    const { queue, clock } = queueOf();
    queue.addAfter('a', 1000);
    queue.add('a');
    assert.deepEqual(await takeAll(queue), ['a']);
    assert.equal(clock.timers, 0);
  });

  test('waits twice as long after each failure in a row, to a cap, and as asked', async () => {
    const { queue, clock } = queueOf({ baseMs: 100, capMs: 1000 });
    const waits: number[] = [];
    for (let count = 0; count < 6; count += 1) {
      const from = clock.now();
      queue.retry('a');
      await clock.until('a', () => queue.state.depth.high === 1);
      waits.push(clock.now() - from);
      await takeAll(queue);
      queue.done('a');
    }
    assert.deepEqual(waits, [100, 200, 400, 800, 1000, 1000]);
    queue.forget('a');
    queue.retry('a', 5000);
    await clock.advance(4999);
    assert.equal(queue.state.depth.high, 0);
    await clock.advance(1);
    assert.equal(queue.state.depth.high, 1);
  });

  test('waits by chance, between half and all of it', async () => {
    for (const chance of [0, 0.5, 0.999]) {
      const { queue, clock } = queueOf({ random: () => chance, baseMs: 1000 });
      queue.retry('a');
      await clock.advance(499);
      assert.equal(queue.state.depth.high, 0);
      await clock.advance(501);
      assert.equal(queue.state.depth.high, 1);
    }
  });

  test('takes no more keys than it may, and says so', () => {
    const { queue } = queueOf({ limit: 2 });
    queue.add('a');
    queue.addAfter('b', 1000);
    assert.equal(queue.add('c'), 'full');
    assert.equal(queue.addAfter('c', 1), 'full');
    assert.equal(queue.retry('c'), 'full');
    assert.equal(queue.add('b'), 'queued');
    assert.equal(queue.add('a', 'low'), 'known');
  });

  test('closed, gives nothing, plans nothing, and lets go who waits', async () => {
    const { queue, clock } = queueOf();
    queue.add('held');
    await queue.take();
    const waiting = queue.take();
    queue.addAfter('b', 1000);
    queue.add('held');
    queue.close();
    assert.equal(await waiting, undefined);
    assert.equal(await queue.take(), undefined);
    assert.deepEqual(
      [queue.add('c'), queue.addAfter('c', 1), queue.retry('c')],
      [...['closed', 'closed', 'closed']],
    );
    queue.done('held');
    assert.equal(clock.timers, 0);
    assert.deepEqual(queue.state, { depth: { high: 0, low: 0 }, unfinishedMs: 0, longestMs: 0 });
  });

  test('loses nothing and gives no key to two, whatever happens', async () => {
    const step = fc.record({
      what: fc.constantFrom('add', 'low', 'after', 'retry', 'take', 'done', 'pass'),
      key: fc.constantFrom('a', 'b', 'c', 'd'),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
        const workers = new Workers();
        for (const { what, key } of steps) await workers.do(what, key);
        // All that is left is done, and what came meanwhile, too.
        for (let round = 0; round < 2; round += 1) {
          for (const key of ['a', 'b', 'c', 'd']) await workers.do('done', key);
          await workers.clock.advance(200_000);
          await workers.do('take', '');
        }
        assert.deepEqual([...workers.owed], []);
      }),
      { numRuns: 60 },
    );
  });
});

/** Takes and gives keys, and knows which ones it must be given. */
class Workers {
  readonly clock = new ManualClock();
  readonly queue = new WorkQueue({ clock: this.clock, random: () => 1 });
  readonly #held = new Set<string>();
  /** Added since they were last given out. */
  readonly owed = new Set<string>();

  async do(what: string, key: string): Promise<void> {
    if (what === 'take') return this.#take();
    if (what === 'pass') return this.clock.advance(500);
    if (what === 'done') {
      if (this.#held.delete(key)) this.queue.done(key);
      return;
    }
    if (what === 'after') this.queue.addAfter(key, 700);
    else if (what === 'retry') this.queue.retry(key);
    else this.queue.add(key, what === 'low' ? 'low' : 'high');
    this.owed.add(key);
  }

  async #take(): Promise<void> {
    for (const key of await takeAll(this.queue)) {
      assert.ok(!this.#held.has(key), `${key} was given to two`);
      assert.ok(this.owed.delete(key), `${key} was given without a reason`);
      this.#held.add(key);
    }
  }
}
