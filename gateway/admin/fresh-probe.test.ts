import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { turn } from '../../protocol/testing/manual-clock.ts';
import { FreshProbe } from './fresh-probe.ts';

interface Running {
  readonly resolve: () => void;
  readonly reject: (reason: Error) => void;
}

function bench() {
  const begun: Running[] = [];
  const probe = new FreshProbe(
    () => new Promise((resolve, reject) => void begun.push({ resolve, reject })),
  );
  const ended: string[] = [];
  const ask = (name: string) =>
    probe.ask().then(
      () => void ended.push(name),
      () => void ended.push(`${name} failed`),
    );
  return { begun, ask, ended };
}

describe('whether Redis is reached now', () => {
  it('is not answered from a probe that began before the question', async () => {
    const { begun, ask, ended } = bench();
    void ask('first');
    void ask('second');
    assert.equal(begun.length, 1);
    begun[0]?.resolve();
    await turn();
    assert.deepEqual(ended, ['first']);
    assert.equal(begun.length, 2);
    begun[1]?.reject(new Error('cut off'));
    await turn();
    assert.deepEqual(ended, ['first', 'second failed']);
  });

  it('costs one probe at a time, however many ask', async () => {
    const { begun, ask, ended } = bench();
    for (let n = 0; n < 100; n += 1) void ask(`${n}`);
    assert.equal(begun.length, 1);
    begun[0]?.reject(new Error('cut off'));
    await turn();
    assert.equal(begun.length, 2);
    begun[1]?.resolve();
    await turn();
    assert.equal(ended.length, 100);
    void ask('later');
    assert.equal(begun.length, 3);
  });
});
