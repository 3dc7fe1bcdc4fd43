import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type CloseCode, closeCodes } from '../../protocol/codes.ts';
import { ManualClock } from '../../protocol/testing/manual-clock.ts';
import { ClientsHere } from './clients-here.ts';
import { encodingOf } from './encoding.ts';
import type { Identity } from './identity.ts';
import { Outbox, type OutboxOwner } from './outbox.ts';
import { everything } from './testing/edge-fixture.ts';
import { FakeSocket } from './testing/fake-socket.ts';
import { type UserConnection, Users } from './users.ts';

/** A client with an outbox, as far as it is somebody's. */
class Client implements OutboxOwner, UserConnection {
  readonly identity: Identity | undefined;
  readonly sessionName: string;
  readonly openedAt: number;
  readonly outbox: Outbox;
  alive = true;
  left: CloseCode | undefined;

  constructor(name: string | undefined, sessionName: string, openedAt: number) {
    this.identity = name === undefined ? undefined : { ...everything, name };
    this.sessionName = sessionName;
    this.openedAt = openedAt;
    const wire = { socket: new FakeSocket(), encoding: encodingOf(undefined), limit: 1_024 };
    this.outbox = new Outbox(this, wire);
  }

  leave(code: CloseCode): void {
    this.left = code;
    this.alive = false;
  }

  onNotice(): void {}
  onSlow(): void {}
  onOverflow(): void {}
  onWritten(): void {}
  onLast(): void {}
}

function gateway() {
  const clock = new ManualClock();
  const users = new Users({ perSecond: 1, burst: 1 }, clock);
  const all: Client[] = [];
  // Everybody is in every topic.
  const hub = { subscribers: () => all.map(({ outbox }) => outbox) };
  const here = new ClientsHere({ users, clock, hub, wheel: clock }, () => all);
  const come = (name: string | undefined, session = '') => {
    const client = new Client(name, session, clock.now());
    all.push(client);
    users.join(client, clock.now());
    return client;
  };
  return { clock, here, come };
}

const nobodyElse = { user: undefined, session: undefined, reconnect: false, reason: undefined };

describe('the clients of a gateway', () => {
  it('are counted by session: two sockets of one are one, each without a name is its own', () => {
    const { here, come } = gateway();
    for (const session of ['a', 'a', 'b', '', '']) come('u', session);
    for (const session of ['x', 'x', '']) come('', session);
    const { users, anonymous } = here.presence('room');
    assert.deepEqual([...users], [['u', { count: 4, names: new Set(['a', 'b']) }]]);
    assert.deepEqual(anonymous, { count: 2, names: new Set(['x']) });
  });

  it('are found while they are served, the oldest first, by the clock on the wall', async () => {
    const { here, come, clock } = gateway();
    const first = come('u', 'a');
    await clock.advance(5_000);
    come('u', 'b');
    const { connections } = here.find('u');
    const now = clock.wall();
    assert.deepEqual(connections, [
      { session: 'a', since: now - 5_000 },
      { session: 'b', since: now },
    ]);
    first.alive = false;
    assert.deepEqual(here.find('u').connections.length, 1);
    assert.deepEqual(here.find('').connections, []);
  });

  it('leave when they are meant, and nobody else', () => {
    const { here, come } = gateway();
    const [a, b, other] = [come('u', 'a'), come('u', 'b'), come('v', 'a')];
    const [nobody, unknown] = [come('', 'x'), come(undefined)];
    assert.equal(here.disconnect({ ...nobodyElse, user: 'u', session: 'b' }), 1);
    assert.deepEqual([a.left, b.left], [undefined, closeCodes.disconnected]);
    assert.equal(here.disconnect({ ...nobodyElse, session: 'x', reconnect: true }), 1);
    assert.deepEqual(nobody.left, closeCodes.reconnect);
    assert.equal(here.disconnect({ ...nobodyElse, user: 'u', reason: 'why' }), 1);
    assert.deepEqual(a.left, { ...closeCodes.disconnected, name: 'why' });
    assert.equal(here.disconnect({ ...nobodyElse, user: 'u' }), 0);
    assert.deepEqual([other.left, unknown.left], [undefined, undefined]);
  });
});
