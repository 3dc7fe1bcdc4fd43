import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { seeded } from '../../protocol/testing/chance.ts';
import { ManualClock } from '../../protocol/testing/manual-clock.ts';
import { Budget } from './budget.ts';
import type { Moved } from './counts.ts';
import { Departures } from './departures.ts';

class Client {
  alive = true;
  leftAt: number | undefined;
  readonly #clock: ManualClock;

  constructor(clock: ManualClock) {
    this.#clock = clock;
  }

  leave(): void {
    this.alive = false;
    this.leftAt = this.#clock.now();
  }
}

function depart(count: number, options: { perSecond: number; finishBy?: number }) {
  const clock = new ManualClock();
  const clients = Array.from({ length: count }, () => new Client(clock));
  const moved = { paced: 0, hurried: 0, forced: 0 };
  const departures = new Departures({
    clock,
    random: seeded(1),
    leavers: () => clients.filter(({ alive }) => alive),
    ask: (client: Client) => client.leave(),
    budget: new Budget(clock, () => options.perSecond),
    finishBy: options.finishBy,
    count: (how: Moved) => {
      moved[how] += 1;
    },
  });
  const gone = () => clients.filter(({ alive }) => !alive).length;
  return { clock, clients, moved, departures, gone };
}

describe('departures', () => {
  it('keep to the budget and spread it over each second', async () => {
    const { clock, clients, moved, gone } = depart(100, { perSecond: 20, finishBy: 100_000 });
    await clock.advance(1_000);
    assert.ok(Math.abs(gone() - 20) <= 1, `${gone()} in the first second`);
    await clock.advance(2_000);
    assert.ok(Math.abs(gone() - 60) <= 1, `${gone()} in three`);
    const times = clients.flatMap(({ leftAt }) => leftAt ?? []);
    const most = Math.max(...times.map((time) => times.filter((other) => other === time).length));
    assert.ok(most <= 2, `${most} at once`);
    assert.equal(moved.hurried, 0);
  });

  it('go faster than the budget when the deadline demands it, and count that', async () => {
    const { clock, moved, gone } = depart(1_000, { perSecond: 10, finishBy: 10_000 });
    await clock.advance(5_000);
    assert.ok(Math.abs(gone() - 500) <= 20, `${gone()} at half of the time`);
    await clock.advance(5_100);
    assert.equal(gone(), 1_000);
    assert.ok(Math.abs(moved.paced - 100) <= 15, `${moved.paced} within the budget`);
    assert.equal(moved.paced + moved.hurried, 1_000);
  });

  it('do not save up an allowance for a burst', async () => {
    const { clock, clients, gone } = depart(0, { perSecond: 10 });
    await clock.advance(60_000);
    clients.push(...Array.from({ length: 50 }, () => new Client(clock)));
    await clock.advance(1_000);
    assert.ok(gone() <= 12, `${gone()} went`);
  });

  it('end when they are stopped', async () => {
    const { clock, departures, gone } = depart(100, { perSecond: 10 });
    await clock.advance(1_000);
    departures.stop();
    const before = gone();
    await clock.advance(10_000);
    assert.equal(gone(), before);
    assert.equal(clock.timers, 0);
  });
});
