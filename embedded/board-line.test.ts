import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { MemoryBoard } from '../gateway/ring/memory-board.ts';
import type { Beat } from '../gateway/ring/pod-board.ts';
import { ManualClock } from '../protocol/testing/manual-clock.ts';
import { BoardLine } from './board-line.ts';

const beat: Beat = {
  pod: 'gateway-1',
  intervalMs: 500,
  leaving: false,
  facts: { weight: 1, zone: '', address: 'a:1', key: '' },
  load: { connections: 0, utilisation: 0 },
  ring: undefined,
  refused: undefined,
  known: undefined,
  mayWrite: true,
};

function opened() {
  const board = new MemoryBoard(new ManualClock());
  const line = new BoardLine();
  const state = async () => (await board.pods()).beats.get('gateway-1')?.state;
  return { line, pod: line.connect(board), state };
}

describe('the line to the board', () => {
  it('passes everything on', async () => {
    const { pod, state } = opened();
    assert.equal((await pod.beat(beat)).holder, 'gateway-1');
    assert.equal(await state(), 'here');
    await pod.leave('gateway-1');
    assert.equal(await state(), 'left');
  });

  it('holds what is said while the gateway stands still', async () => {
    const { line, pod, state } = opened();
    line.freeze();
    const beaten = pod.beat(beat);
    await setImmediate();
    assert.equal(await state(), undefined);
    line.thaw();
    await beaten;
    assert.equal(await state(), 'here');
  });

  it('lets no goodbye through once it is cut', async () => {
    const { line, pod, state } = opened();
    await pod.beat(beat);
    line.cut();
    await pod.leave('gateway-1');
    assert.equal(await state(), 'here');
  });
});
