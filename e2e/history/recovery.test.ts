import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Recovery } from './recovery.ts';

const MS = 1e6;
const topic = 'room';

/** The fault is from 1,000 to 2,000 ms. */
const recovery = () => new Recovery(1_000 * MS, 2_000 * MS);

const hears = (all: Recovery, subscriber: string, ...times: readonly number[]) => {
  for (const at of times) all.heard({ subscriber, topic, t: at * MS });
};

describe('what a fault kept publishers and subscribers waiting for', () => {
  it('is counted from what came last before it to what came first behind it', () => {
    const all = recovery();
    for (const at of [500, 900, 2_400, 2_500]) all.acknowledged(at * MS);
    hears(all, 'a', 800, 900, 2_600, 2_700);
    assert.deepEqual(all.waits, {
      publishOutageMs: 1_500,
      recoveryMs: { p50: 1_700, p99: 1_700, max: 1_700 },
    });
  });

  it('is counted within it, too', () => {
    const all = recovery();
    for (const at of [900, 1_100, 1_500, 1_600, 2_100]) all.acknowledged(at * MS);
    assert.equal(all.waits.publishOutageMs, 500);
  });

  it('is not what they waited for before it or after it', () => {
    const all = recovery();
    for (const at of [0, 900, 1_500, 2_001, 9_000]) all.acknowledged(at * MS);
    hears(all, 'a', 0, 990, 1_100, 2_050, 9_000);
    assert.equal(all.waits.publishOutageMs, 600);
    assert.equal(all.waits.recoveryMs.max, 950);
  });

  it('is each client’s longest, of all its topics', () => {
    const all = recovery();
    for (const at of [900, 1_000, 1_200, 1_400]) {
      all.heard({ subscriber: 'a', topic: 'busy', t: at * MS });
    }
    for (const at of [900, 1_900]) all.heard({ subscriber: 'a', topic: 'dead', t: at * MS });
    assert.equal(all.waits.recoveryMs.max, 1_000);
  });

  it('is told by how many had to wait', () => {
    const all = recovery();
    for (let client = 1; client <= 200; client += 1) hears(all, `${client}`, 1_000, 1_000 + client);
    assert.deepEqual(all.waits.recoveryMs, { p50: 100, p99: 198, max: 200 });
  });

  it('goes on to the end for those to whom nothing came any more', () => {
    const all = recovery();
    all.acknowledged(900 * MS);
    hears(all, 'a', 900, 2_100);
    hears(all, 'b', 950);
    hears(all, 'away', 900);
    assert.equal(all.waits.recoveryMs.max, 1_200);
    all.ended(5_000 * MS, new Set(['away']));
    assert.equal(all.waits.publishOutageMs, 4_100);
    assert.deepEqual(all.waits.recoveryMs, { p50: 1_200, p99: 4_050, max: 4_050 });
  });

  it('is not the time in which a client was held, and begins when it is let go', () => {
    const all = recovery();
    hears(all, 'a', 900);
    all.held({ subscriber: 'a', held: true, t: 950 * MS });
    hears(all, 'a', 1_500);
    all.held({ subscriber: 'a', held: false, t: 1_700 * MS });
    hears(all, 'a', 2_000);
    assert.equal(all.waits.recoveryMs.max, 300);
  });

  it('is not waited for in a topic that was given up', () => {
    const all = recovery();
    hears(all, 'a', 900);
    all.unsubscribed('a', topic);
    hears(all, 'a', 2_500);
    assert.equal(all.waits.recoveryMs.max, 0);
  });
});
