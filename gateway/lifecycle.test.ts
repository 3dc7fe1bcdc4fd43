import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { systemClock } from '../protocol/clock.ts';
import { Lifecycle, type Part } from './lifecycle.ts';
import { silentLogger } from './logger.ts';

function bench() {
  const events: string[] = [];
  const errors: object[] = [];
  const logger = { ...silentLogger, error: (fields: object) => void errors.push(fields) };
  const lifecycle = new Lifecycle({ clock: systemClock, logger, startMs: 50, stopMs: 50 });
  const part = (name: string, over: Partial<Part> = {}): Part => ({
    name,
    async start() {
      events.push(`+${name}`);
    },
    async stop() {
      events.push(`-${name}`);
    },
    ...over,
  });
  return { events, errors, lifecycle, part };
}

const never = () => new Promise<void>(() => {});
const fails = () => Promise.reject(new Error('no'));

describe('starting and stopping', () => {
  // The system's clock keeps no process alive, and what hangs here would not either.
  const awake = <T>(step: Promise<T>): Promise<T> => {
    const timer = setInterval(() => {}, 1_000);
    return step.finally(() => clearInterval(timer));
  };

  it('is done in order and in reverse', async () => {
    const { events, lifecycle, part } = bench();
    await awake(lifecycle.start([part('a'), part('b')]));
    await awake(Promise.all([lifecycle.stop(), lifecycle.stop()]));
    assert.deepEqual(events, ['+a', '+b', '-b', '-a']);
  });

  it('stops what was started when a part fails, and says why', async () => {
    const { events, lifecycle, part } = bench();
    const parts = [part('a'), part('b', { start: fails }), part('c')];
    await assert.rejects(awake(lifecycle.start(parts)), /no/);
    assert.deepEqual(events, ['+a', '-a']);
  });

  it('names a part that does not start in time', async () => {
    const { lifecycle, part } = bench();
    const hung = lifecycle.start([part('the stream', { start: never })]);
    await assert.rejects(awake(hung), /the stream did not start within 50 ms/);
  });

  it('names a part that does not stop in time or fails to, and goes on', async () => {
    const { events, errors, lifecycle, part } = bench();
    const parts = [part('a'), part('b', { stop: never }), part('c', { stop: fails }), part('d')];
    await awake(lifecycle.start(parts));
    await awake(lifecycle.stop());
    assert.deepEqual(events, ['+a', '+b', '+c', '+d', '-d', '-a']);
    assert.match(JSON.stringify(errors), /"part":"c".*"part":"b"/);
  });

  it('stops a part that comes up while everything is being stopped', async () => {
    const { events, lifecycle, part } = bench();
    const gate = Promise.withResolvers<void>();
    const begun = Promise.withResolvers<void>();
    const start = () => {
      begun.resolve();
      return gate.promise;
    };
    const starting = awake(lifecycle.start([part('a'), part('b', { start }), part('c')]));
    await awake(begun.promise);
    await awake(lifecycle.stop());
    gate.resolve();
    await assert.rejects(starting, /stopped while it was starting/);
    assert.deepEqual(events.sort(), ['+a', '-a', '-b']);
  });
});
