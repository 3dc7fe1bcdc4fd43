import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Health } from './health.ts';
import { type Beat, Heartbeat } from './heartbeat.ts';
import { FakeSocket, pongOf } from './testing/fake-socket.ts';

const settings = {
  heartbeatMs: 15_000,
  pongTimeoutMs: 10_000,
  missedPings: 3,
  idleAfterMs: 30_000,
};

/** What the log's clock is ahead of the test's. */
const LOG_AHEAD_MS = 1_000_000_000;

class Run {
  readonly socket = new FakeSocket();
  readonly heartbeat: Heartbeat;
  readonly healths: (Health | undefined)[] = [];
  paused = false;
  now = 0;

  constructor(phase = 0) {
    const counts = { health: (_: unknown, to: Health | undefined) => this.healths.push(to) };
    const stream = { now: () => LOG_AHEAD_MS + this.now };
    this.heartbeat = new Heartbeat({ settings, counts, stream }, 0, phase);
  }

  /** Goes to each time at which the heartbeat has something to do, until `end` or its death. */
  until(end: number, onPing: (counter: number) => void = () => {}): Beat {
    let beat: Beat = 'waits';
    while (beat !== 'dead' && this.heartbeat.due <= end) {
      this.now = this.heartbeat.due;
      const { length } = this.socket.pings;
      beat = this.heartbeat.beat(this.now, { socket: this.socket, paused: this.paused });
      for (const counter of this.socket.pings.slice(length)) onPing(counter);
    }
    if (beat !== 'dead') this.now = end;
    return beat;
  }

  answer(counter: number, afterMs: number) {
    const answer = this.heartbeat.pong(pongOf(counter), this.now + afterMs);
    this.heartbeat.heard(this.now + afterMs);
    return answer;
  }
}

describe('a heartbeat', () => {
  it('knows that what comes now was sent after the ping that was answered last', () => {
    const run = new Run(0.5);
    const seen: number[] = [];
    run.until(40_000, (counter) => {
      run.answer(counter, 20);
      seen.push(run.heartbeat.sentAfter - LOG_AHEAD_MS);
    });
    assert.deepEqual(seen, [7_000, 22_000, 37_000], 'whole seconds before the pings');
    run.until(70_000);
    assert.equal(run.heartbeat.sentAfter - LOG_AHEAD_MS, 37_000, 'unanswered since');
    const marker = run.heartbeat.ping(run.socket);
    run.answer(marker, 20);
    assert.equal(run.heartbeat.sentAfter - LOG_AHEAD_MS, 67_000, 'a later ping answers for it');
  });

  it('does not take the answer to an earlier ping for one to the last', () => {
    const run = new Run(0.5);
    const first: number[] = [];
    run.until(10_000, (counter) => first.push(counter));
    run.heartbeat.heard(run.now);
    run.until(25_000);
    run.answer(first[0] as number, 0);
    assert.equal(run.heartbeat.sentAfter - LOG_AHEAD_MS, 0, 'as when it began');
  });

  it('pings at its phase of the interval and keeps it', () => {
    const run = new Run(0.5);
    const times: number[] = [];
    run.until(60_000, (counter) => {
      times.push(run.now);
      run.answer(counter, 20);
    });
    assert.deepEqual(times, [7_500, 22_500, 37_500, 52_500]);
  });

  it('makes a zombie of a peer that leaves a ping unanswered, and a ghost after three', () => {
    const run = new Run();
    assert.equal(run.until(100_000), 'dead');
    assert.equal(run.now, 40_000, 'the third ping at 30 s, and 10 s to answer it');
    assert.equal(run.socket.pings.length, 3);
    assert.deepEqual(run.healths, ['fast', 'zombie', 'ghost']);
  });

  it('takes a zombie back on any frame', () => {
    const run = new Run();
    run.until(26_000);
    assert.equal(run.heartbeat.health, 'zombie');
    run.heartbeat.traffic(26_000);
    run.heartbeat.heard(26_000);
    assert.equal(run.heartbeat.health, 'fast');
    assert.equal(run.until(49_000), 'interval', 'the count began anew');
  });

  it('grades active connections by round-trip time and knows idle ones', () => {
    const run = new Run();
    const delays = [20, 300, 900, 20];
    run.until(60_000, (counter) => {
      assert.equal(run.answer(counter, delays.shift() ?? 0)?.counter, counter);
      run.heartbeat.traffic(run.now);
    });
    assert.deepEqual(run.healths, ['fast', 'fair', 'poor', 'fast']);
    run.until(90_000, (counter) => run.answer(counter, 20));
    assert.equal(run.heartbeat.health, 'idle');
  });

  it('measures the round trip although other frames came before the pong', () => {
    const run = new Run();
    run.until(0);
    run.heartbeat.heard(0);
    assert.equal(run.answer(1, 80)?.roundTripMs, 80);
  });

  it('takes a pong for all pings before it, and none for what it is not', () => {
    const run = new Run();
    for (let n = 0; n < 5; n += 1) run.heartbeat.ping(run.socket);
    assert.equal(run.heartbeat.pong(pongOf(4), 1)?.counter, 4);
    assert.equal(run.heartbeat.pong(pongOf(6), 1), undefined, 'was never sent');
    assert.equal(run.heartbeat.pong(Buffer.from('hello'), 1), undefined);
    assert.equal(run.heartbeat.pong(Buffer.alloc(0), 1), undefined);
  });

  it('does not blame a peer whose frames we do not read, or who is reading its backlog', () => {
    const stopped = new Run();
    stopped.paused = true;
    assert.notEqual(stopped.until(100_000), 'dead');
    const busy = new Run();
    busy.socket.buffered = 1_000_000;
    for (let end = 10_000; end < 100_000; end += 1_000) {
      assert.notEqual(busy.until(end), 'dead');
      busy.socket.progress += 1;
    }
    const frozen = new Run();
    frozen.socket.buffered = 1_000_000;
    assert.equal(frozen.until(100_000), 'dead');
  });
});
