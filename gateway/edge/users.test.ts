import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ManualClock } from '../../protocol/testing/manual-clock.ts';
import { everything } from './testing/edge-fixture.ts';
import { ENDING_MS, type UserConnection, Users } from './users.ts';

const connectionOf = (name: string | undefined): UserConnection => ({
  identity: name === undefined ? undefined : { ...everything, name },
  ...{ sessionName: '', openedAt: 0, alive: true },
  leave() {},
});

function usersOf() {
  const clock = new ManualClock();
  const users = new Users({ perSecond: 1, burst: 2 }, clock);
  const leave = (connection: UserConnection, code: number) =>
    users.leave(connection, { code, at: clock.wall() });
  return { users, clock, leave };
}

describe('users of a gateway', () => {
  it('are forgotten with their last connection; only how it ended is known', () => {
    const { users, clock, leave } = usersOf();
    const [a, b, c] = [connectionOf('u'), connectionOf('u'), connectionOf('v')];
    const shared = users.join(a, 0);
    assert.equal(users.join(b, 0), shared, 'one bucket');
    assert.notEqual(users.join(c, 0), shared);
    assert.deepEqual([users.connectionsOf('u'), users.connectionsOf('v')], [[a, b], [c]]);
    leave(a, 1000);
    assert.deepEqual(users.connectionsOf('u'), [b]);
    users.join(a, 0);
    leave(a, 1001);
    leave(b, 4000);
    assert.deepEqual([users.connectionsOf('u'), users.size], [[], 1]);
    assert.deepEqual(users.endingOf('u'), { code: 4000, at: clock.wall() });
    assert.equal(users.endingOf('v'), undefined);
  });

  it('have the oldest of too many connections named, each session counted once', () => {
    const { users } = usersOf();
    const of = (sessionName: string, alive = true) => ({
      ...connectionOf('u'),
      sessionName,
      alive,
    });
    const [phone, tab, ghost, closing] = [of('phone'), of('tab'), of('tab'), of('car', false)];
    const [first, second] = [of(''), of('')];
    for (const one of [phone, ghost, closing, first, tab, second]) users.join(one, 0);
    assert.deepEqual(users.beyond('u', 4), []);
    assert.deepEqual(users.beyond('u', 3), [phone]);
    assert.deepEqual(users.beyond('u', 1), [tab, first, phone]);
    assert.deepEqual(users.beyond('v', 1), []);
  });

  it('are not those without a name', () => {
    const { users, leave } = usersOf();
    for (const nobody of [connectionOf(''), connectionOf(undefined)]) {
      assert.equal(users.join(nobody, 0), undefined);
      leave(nobody, 1000);
    }
    assert.deepEqual([users.size, users.endingOf('')], [0, undefined]);
  });

  it('have an ending for an hour, and ten thousand of them have one', async () => {
    const { users, clock, leave } = usersOf();
    const come = (name: string) => {
      const connection = connectionOf(name);
      users.join(connection, 0);
      leave(connection, 1000);
    };
    come('first');
    await clock.advance(ENDING_MS);
    assert.equal(users.endingOf('first')?.code, 1000);
    await clock.advance(1);
    assert.equal(users.endingOf('first'), undefined);
    for (let n = 0; n < 10_001; n += 1) come(`user-${n}`);
    assert.deepEqual(
      ['user-0', 'user-1', 'user-10000'].map((name) => users.endingOf(name)?.code),
      [undefined, 1000, 1000],
    );
    // Who ends again is the newest.
    come('user-1');
    come('another');
    assert.deepEqual(
      ['user-1', 'user-2'].map((name) => users.endingOf(name)?.code),
      [1000, undefined],
    );
  });
});
