import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ManualClock } from '../../protocol/testing/manual-clock.ts';
import { silentLogger } from '../logger.ts';
import { MemoryBoard } from './memory-board.ts';
import type { Beat, PodBoard } from './pod-board.ts';
import { RingKeeper } from './ring-keeper.ts';
import { SelfOrganised } from './self-organised.ts';
import { tallying } from './testing/fleet.ts';

const INTERVAL = 1_000;

/** A pod on a board that counts, and that a test may break. */
function beating({ reached = true } = {}) {
  const clock = new ManualClock();
  const memory = new MemoryBoard(clock);
  const seen = {
    beats: [] as (Beat & { at: number })[],
    reads: 0,
    left: 0,
    closed: 0,
    up: () => {},
  };
  let broken: Promise<never> | undefined;
  const board: PodBoard = {
    open: (up) => {
      seen.up = up;
      if (reached) up();
    },
    beat: (beat) => {
      seen.beats.push({ ...beat, at: clock.now() });
      return broken ?? memory.beat(beat);
    },
    offer: (offer) => memory.offer(offer),
    pods: () => {
      seen.reads += 1;
      return broken ?? memory.pods();
    },
    leave: async (pod) => {
      seen.left += 1;
      await (broken ?? memory.leave(pod));
    },
    close: () => {
      seen.closed += 1;
    },
  };
  const said: string[] = [];
  const say = (_: object, text: string) => void said.push(text);
  const logger = { ...silentLogger, warn: say, info: say };
  const counts = tallying();
  const shared = { cluster: 'chat', clock, logger, counts };
  const keeper = new RingKeeper(shared);
  let connections = 0;
  const source = new SelfOrganised({
    ...shared,
    ...{ pod: 'a', intervalMs: INTERVAL, board, keeper },
    load: () => ({ connections, utilisation: 0 }),
  });
  const start = () => source.start({ weight: 1, zone: '', address: 'a:1', key: '' });
  return {
    ...{ clock, seen, said, source, start, memory, tally: counts.tally },
    breaks: (how?: Promise<never>) => {
      broken = how;
      broken?.catch(() => {});
    },
    serves: (count: number) => {
      connections = count;
    },
  };
}

describe('the heartbeats of a pod', () => {
  it('begin at once, come at their interval, and say how loaded it is now', async () => {
    const { clock, seen, start, serves } = beating();
    start();
    await clock.advance(INTERVAL / 2);
    serves(12);
    await clock.advance(2 * INTERVAL);
    assert.deepEqual(
      seen.beats.map(({ at, load }) => [at, load.connections]),
      [
        [0, 0],
        [1_000, 12],
        [2_000, 12],
      ],
    );
  });

  it('come at once when it leaves and when the board is back, then at their interval', async () => {
    const { clock, seen, source, start } = beating();
    start();
    await clock.advance(300);
    source.leave();
    await clock.advance(400);
    seen.up();
    seen.up();
    await clock.advance(1_300);
    const beats = seen.beats.map(({ at, leaving }) => [at, leaving]);
    assert.deepEqual(beats, [
      [0, false],
      [300, true],
      [700, true],
      [700, true],
      [1_700, true],
    ]);
  });

  it('go on through an outage, which is told once, as is its end', async () => {
    const { clock, start, said, breaks, tally, source } = beating();
    start();
    await clock.advance(2.5 * INTERVAL);
    assert.equal(source.writer, 'a');
    breaks(Promise.reject(new Error('no Redis')));
    await clock.advance(5 * INTERVAL);
    assert.equal(tally.failed, 5);
    assert.equal(source.writer, undefined);
    breaks();
    await clock.advance(2 * INTERVAL);
    assert.equal(source.writer, 'a');
    assert.deepEqual(said, [
      'a new ring',
      'the ring’s board does not answer',
      'the ring’s board is back',
    ]);
  });

  it('are tried, and counted, also when the board was never there', async () => {
    const { clock, start, breaks, tally, seen } = beating({ reached: false });
    breaks(Promise.reject(new Error('no Redis')));
    start();
    await clock.advance(3 * INTERVAL);
    assert.equal(tally.failed, 3);
    breaks();
    seen.up();
    await clock.advance(1);
    assert.equal(seen.beats.length, 4);
  });

  it('end with a goodbye, behind a beat that is under way', async () => {
    const { clock, start, source, seen, memory } = beating();
    start();
    await source.stop();
    assert.equal((await memory.pods()).beats.get('a')?.state, 'left');
    await clock.advance(10 * INTERVAL);
    assert.deepEqual([seen.beats.length, seen.left, seen.closed], [1, 1, 1]);
  });

  it('end in time also when the board never answers', async () => {
    const { clock, start, source, seen, breaks } = beating();
    breaks(new Promise<never>(() => {}));
    start();
    let stopped = false;
    const stopping = source.stop().then(() => {
      stopped = true;
    });
    await clock.advance(999);
    assert.equal(stopped, false);
    await clock.advance(1);
    await stopping;
    assert.equal(seen.closed, 1);
  });

  it('end also when they never began', async () => {
    const { source, seen } = beating();
    await source.stop();
    assert.deepEqual([seen.beats.length, seen.left], [0, 0]);
  });

  it('let any number of askers share one look at the others per interval', async () => {
    const { clock, start, source, seen, breaks } = beating();
    start();
    await clock.advance(1);
    const looks = await Promise.all([source.pods(), source.pods(), source.pods()]);
    assert.equal(looks[0].beats.size, 1);
    await clock.advance(INTERVAL - 2);
    await source.pods();
    assert.equal(seen.reads, 1);
    await clock.advance(2);
    breaks(Promise.reject(new Error('no Redis')));
    await assert.rejects(source.pods(), /no Redis/);
    breaks();
    await source.pods();
    assert.equal(seen.reads, 3);
  });
});
