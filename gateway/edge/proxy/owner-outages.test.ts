import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ManualClock } from '../../../protocol/testing/manual-clock.ts';
import { OwnerOutages } from './owner-outages.ts';

const owner = { pod: 'b', address: '10.0.0.2:80' };

/** Owners that answer, or do not. */
class Scene {
  readonly clock = new ManualClock();
  answers = false;
  asked = 0;
  readonly outages = new OwnerOutages({
    clock: this.clock,
    answers: async () => {
      this.asked += 1;
      return this.answers;
    },
  });

  /** Somebody wants to know each second. */
  async pass(seconds: number): Promise<void> {
    for (let n = 0; n < seconds; n += 1) {
      this.outages.isOver(owner);
      await this.clock.advance(1_000);
    }
  }

  get state() {
    return { lasts: this.outages.lasts(owner), isOver: this.outages.isOver(owner) };
  }
}

describe('outages of owners', () => {
  it('last until it answers, and are over when it did so a minute later too', async () => {
    const scene = new Scene();
    scene.outages.began(owner);
    await scene.pass(90);
    assert.deepEqual(scene.state, { lasts: true, isOver: false });
    assert.equal(scene.asked, 90);
    scene.answers = true;
    await scene.pass(1);
    assert.deepEqual(scene.state, { lasts: false, isOver: false });
    await scene.pass(59);
    assert.deepEqual(scene.state, { lasts: false, isOver: false });
    await scene.pass(1);
    assert.deepEqual(scene.state, { lasts: false, isOver: true });
    assert.equal(scene.asked, 92);
  });

  it('begin anew when the owner cannot be had within the minute, or when it is over', async () => {
    for (const again of ['a client', 'nobody'] as const) {
      const scene = new Scene();
      scene.outages.began(owner);
      scene.answers = true;
      await scene.pass(31);
      scene.answers = false;
      if (again === 'a client') scene.outages.began(owner);
      else await scene.pass(30);
      assert.deepEqual(scene.state, { lasts: true, isOver: false }, again);
      scene.answers = true;
      await scene.pass(60);
      assert.equal(scene.state.isOver, false, again);
      await scene.pass(1);
      assert.equal(scene.state.isOver, true, again);
    }
  });

  it('end when nobody wants to know, and with the address', async () => {
    const scene = new Scene();
    scene.outages.began(owner);
    assert.deepEqual(scene.state, { lasts: true, isOver: false });
    assert.ok(scene.outages.isOver({ ...owner, address: '10.0.0.3:80' }));
    await scene.clock.advance(90_000);
    assert.deepEqual(scene.state, { lasts: false, isOver: true });
    assert.equal(scene.asked, 61);
  });

  it('are asked about once at a time, whoever finds the owner gone meanwhile', async () => {
    const scene = new Scene();
    for (let n = 0; n < 1_000; n += 1) scene.outages.began(owner);
    await scene.pass(5);
    assert.equal(scene.asked, 5);
    scene.outages.clear();
    await scene.pass(5);
    assert.equal(scene.asked, 5);
  });
});
