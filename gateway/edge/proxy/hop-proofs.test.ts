import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { ManualClock } from '../../../protocol/testing/manual-clock.ts';
import { MoveTokens } from '../move-tokens.ts';
import { PodKeys, publicHalf } from '../pod-keys.ts';
import { HopProofs } from './hop-proofs.ts';

const a = generateKeyPairSync('ed25519').privateKey;
const b = generateKeyPairSync('ed25519').privateKey;
const keys = new PodKeys((pod) => ({ a: publicHalf(a), b: publicHalf(b) })[pod]);

function pair(clock = new ManualClock()) {
  const shared = { cluster: 'chat', keys, clock };
  return {
    clock,
    from: new HopProofs({ ...shared, pod: 'a', privateKey: a }),
    to: new HopProofs({ ...shared, pod: 'b', privateKey: b }),
    other: new HopProofs({ ...shared, cluster: 'other', pod: 'b', privateKey: b }),
    moves: new MoveTokens({ ...shared, pod: 'a', privateKey: a }),
  };
}

describe('the proof of a hop', () => {
  it('is answered by the pod that was asked, and by nobody else', () => {
    const { from, to } = pair();
    const { hop, proof } = from.ask('b');
    const checked = to.check(proof);
    assert.ok(checked.outcome === 'ok');
    assert.equal(checked.from, 'a');
    assert.equal(from.isAnswer(checked.answer, hop), true);
    assert.equal(from.isAnswer(checked.answer, from.ask('b').hop), false, 'of another hop');
    assert.equal(from.isAnswer(checked.answer, { ...hop, to: 'c' }), false, 'of another pod');
    assert.equal(from.isAnswer('', hop), false);
  });

  it('holds for one cluster, and is no other token that a pod signs', () => {
    const { from, other, to, moves } = pair();
    assert.equal(other.check(from.ask('b').proof).outcome, 'invalid');
    const token = moves.issue({ identity: 'alice', session: 's', ring: undefined });
    assert.equal(to.check(token).outcome, 'invalid');
    assert.equal(moves.check(from.ask('b').proof, 'alice').outcome, 'invalid');
  });

  it('holds for seconds, and once', async () => {
    const { from, to, clock } = pair();
    const [used, old] = [from.ask('b').proof, from.ask('b').proof];
    assert.equal(to.check(used).outcome, 'ok');
    for (let ms = 0; ms < 15_000; ms += 5_000) {
      assert.equal(to.check(used).outcome, 'replayed');
      await clock.advance(5_000);
    }
    assert.equal(to.check(old).outcome, 'ok', 'within its life and the leeway of clocks');
    await clock.advance(1);
    assert.deepEqual([to.check(used).outcome, to.check(old).outcome], ['expired', 'expired']);
  });

  it('is remembered beyond the end of the window in which it was shown', async () => {
    const { from, to, clock } = pair();
    await clock.advance(19_999);
    const { proof } = from.ask('b');
    assert.equal(to.check(proof).outcome, 'ok');
    await clock.advance(2);
    assert.equal(to.check(from.ask('b').proof).outcome, 'ok');
    assert.equal(to.check(proof).outcome, 'replayed');
  });

  it('is refused when more came than can be remembered, until there is room again', async () => {
    const clock = new ManualClock();
    const { from } = pair(clock);
    const shared = { cluster: 'chat', keys, clock, noncesMax: 2 };
    const to = new HopProofs({ ...shared, pod: 'b', privateKey: b });
    const outcomes = [1, 2, 3].map(() => to.check(from.ask('b').proof).outcome);
    assert.deepEqual(outcomes, ['ok', 'ok', 'full']);
    await clock.advance(20_000);
    assert.equal(to.check(from.ask('b').proof).outcome, 'ok');
  });

  it('is not taken from a clock that is far ahead', () => {
    const ahead = new ManualClock();
    const { to } = pair();
    const from = new HopProofs({
      ...{ cluster: 'chat', keys, pod: 'a', privateKey: a },
      clock: { now: () => 0, wall: () => ahead.wall() + 5_001 },
    });
    assert.equal(to.check(from.ask('b').proof).outcome, 'expired');
  });

  it('survives whatever somebody shows instead', () => {
    const { to } = pair();
    fc.assert(
      fc.property(fc.string(), fc.json(), (text, json) => {
        const claims = Buffer.from(json).toString('base64url');
        return [text, `${claims}.`, `${claims}.${claims}`].every(
          (proof) => to.check(proof).outcome === 'invalid',
        );
      }),
    );
  });
});
