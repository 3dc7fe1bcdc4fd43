import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { seeded } from '../../protocol/testing/chance.ts';
import { ModelFleet } from './testing/model-fleet.ts';

const STEPS = 200;

/** As many steps as a rollout of four would take, and more. */
const pass = (fleet: ModelFleet): void => {
  for (let n = 0; n < 50; n += 1) fleet.step();
};

function rollout(): ModelFleet {
  const fleet = new ModelFleet({ random: seeded(7) });
  fleet.want({ replicas: 4 });
  assert.ok(fleet.settles(STEPS));
  pass(fleet);
  fleet.want({ stable: 'r1' });
  fleet.want({ revision: 'r2', asked: 'r2' });
  return fleet;
}

describe('a rollout that is stopped', () => {
  it('stays as it is, and is scaled all the same', () => {
    const fleet = rollout();
    while (fleet.of('r2').filter(({ ready }) => ready).length < 1) fleet.step();
    fleet.stopped = 'paused';
    pass(fleet);
    const [old, young] = [fleet.of('r1').length, fleet.of('r2').length];
    assert.ok(old >= 3 && young >= 1 && old + young <= 5);
    for (let n = 0; n < 50; n += 1) assert.deepEqual(fleet.step().victims, []);
    fleet.want({ replicas: 6 });
    pass(fleet);
    assert.equal(fleet.of('r2').length, young, 'what is in doubt does not grow');
    assert.ok(fleet.available >= 6);
    fleet.stopped = undefined;
    assert.ok(fleet.settles(STEPS));
  });

  for (const wave of [1, 2, 3, 4]) {
    it(`as new ones work badly calls back who is being emptied, in wave ${wave}`, () => {
      const fleet = rollout();
      const emptying = () => fleet.of('r1').filter(({ mark }) => mark !== undefined);
      while (fleet.of('r1').length > 5 - wave || emptying().length === 0) fleet.step();
      const old = fleet.of('r1').length;
      fleet.stopped = 'failing';
      fleet.step();
      assert.deepEqual(emptying(), []);
      for (let n = 0; n < 50; n += 1) {
        fleet.step();
        assert.deepEqual([fleet.of('r1').length, emptying()], [old, []]);
      }
      assert.ok(fleet.available >= 4);
      // Undone: the same movement back.
      fleet.stopped = undefined;
      fleet.want({ revision: 'r1', asked: 'r1' });
      assert.ok(fleet.settles(STEPS));
      assert.equal(fleet.of('r1').length, 4);
    });
  }
});
