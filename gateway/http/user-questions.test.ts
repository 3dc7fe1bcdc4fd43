import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { Fields } from '../../protocol/fields.ts';
import { Refusal } from '../../protocol/refusal.ts';
import type { PresenceHere, SessionCount, UserHere } from '../edge/clients-here.ts';
import { ANSWER_BYTES } from '../ring/all-pods.ts';
import {
  answerAbout,
  type Clients,
  disconnecting,
  joinPresence,
  type PresencePart,
  whereIs,
  whoIsIn,
} from './user-questions.ts';

const nobody: Clients = {
  find: () => ({ connections: [], ended: undefined }),
  disconnect: () => 0,
  presence: () => ({ users: new Map(), anonymous: { count: 0, names: new Set() } }),
};

/** As it comes out of Redis on the other side. */
const carried = (fields: Fields): Fields => JSON.parse(JSON.stringify(fields));

const sessions = (count: number, ...names: string[]): SessionCount => ({
  count,
  names: new Set(names),
});
const partOf = (here: PresenceHere): PresencePart => {
  const { ask, read } = whoIsIn('room');
  return read(carried(answerAbout({ ...nobody, presence: () => here }, carried(ask))));
};

describe('a question about users', () => {
  it('reaches another gateway as it was asked', () => {
    const orders: unknown[] = [];
    const clients: Clients = {
      ...nobody,
      disconnect: (order) => {
        orders.push(order);
        return 3;
      },
    };
    const order = { user: 'alice', session: undefined, reconnect: true, reason: 'why' };
    const { ask, read } = disconnecting(order);
    assert.deepEqual(read(carried(answerAbout(clients, carried(ask)))), { closed: 3 });
    assert.deepEqual(orders, [order]);
  });

  it('is answered with a hundred connections, and how many there are', () => {
    const connections = Array.from({ length: 250 }, (_, n) => ({
      session: n % 2 === 0 ? '' : `s${n}`,
      since: 1_000.5 + n,
    }));
    const here: UserHere = { connections, ended: { code: 1000, at: 7 } };
    const { ask, read } = whereIs('alice');
    const answer = carried(answerAbout({ ...nobody, find: () => here }, carried(ask)));
    const { total, connections: told, ended } = read(answer);
    assert.deepEqual([total, told.length, ended], [250, 100, { code: 1000, at: 7 }]);
    assert.deepEqual(told.slice(0, 2), [{ since: 1_000 }, { session: 's1', since: 1_001 }]);
    assert.ok(Buffer.byteLength(JSON.stringify(answer)) < ANSWER_BYTES);
  });

  it('is refused when it is of no known form', () => {
    const bad: Fields[] = [
      ...[{}, { kind: 'users' }, { kind: 7 }, { kind: 'user' }, { kind: 'user', user: '' }],
      ...[{ kind: 'user', user: 'x'.repeat(257) }, { kind: 'presence' }],
      ...[
        { kind: 'presence', topic: '*' },
        { kind: 'disconnect', user: 7 },
      ],
      ...[
        { kind: 'disconnect', session: 'a b' },
        { kind: 'disconnect', user: 'a', reconnect: 1 },
      ],
    ];
    const clients = { ...nobody, disconnect: () => assert.fail('nobody is meant') };
    for (const ask of bad) assert.throws(() => answerAbout(clients, ask), Refusal);
  });

  it('has answers that are read with guards', () => {
    const bad: Fields[] = [
      ...[{}, { closed: -1 }, { closed: '3' }, { total: 1 }, { total: 1, connections: [7] }],
      { total: 1, connections: [{ since: 1, session: 'a b' }] },
      { total: 1, connections: Array(101).fill({ since: 1 }) },
      { total: 0, connections: [], ended: { code: 'x', at: 1 } },
      { users: 1, list: [{ user: '', count: 1, names: [] }], anonymous: 0, names: [] },
      { users: 1, list: [{ user: 'a', count: 0, names: [] }], anonymous: 0, names: [] },
      { users: 1, list: [{ user: 'a', count: 1, names: ['a', 'b'] }], anonymous: 0, names: [] },
      { users: 0, list: [{ user: 'a', count: 1, names: [] }], anonymous: 0, names: [] },
      { users: 0, list: [], anonymous: 0, names: ['a'] },
    ];
    const order = { user: 'a', session: undefined, reconnect: false, reason: undefined };
    for (const answer of bad) {
      for (const { read } of [whereIs('a'), disconnecting(order), whoIsIn('room')]) {
        assert.throws(() => read(answer), Refusal, JSON.stringify(answer));
      }
    }
  });
});

describe('presence over several gateways', () => {
  it('counts whoever several tell of once', () => {
    const parts = [
      partOf({
        users: new Map([
          ['alice', sessions(2, 'phone', 'desk')],
          ['bob', sessions(1)],
        ]),
        anonymous: sessions(3, 'x', 'y'),
      }),
      partOf({
        users: new Map([['alice', sessions(2, 'phone')]]),
        anonymous: sessions(2, 'y', 'z'),
      }),
    ];
    assert.deepEqual(joinPresence(parts), {
      users: 2,
      // x, y, z, and one without a name.
      anonymous: 4,
      sessions: new Map([
        ['alice', 3],
        ['bob', 1],
      ]),
    });
  });

  it('is what it would be if all of them were on one', () => {
    const name = fc.constantFrom('a', 'b', 'c', 'd');
    const connection = fc.record({ pod: fc.nat(2), user: fc.constantFrom('', 'u', 'v'), name });
    fc.assert(
      fc.property(fc.array(connection, { maxLength: 30 }), (connections) => {
        const hereOf = (pod: number | undefined): PresenceHere => {
          const users = new Map<string, SessionCount>();
          for (const each of connections.filter((one) => pod === undefined || one.pod === pod)) {
            const known = users.get(each.user)?.names ?? [];
            const names = new Set([...known, each.name]);
            users.set(each.user, { count: names.size, names });
          }
          const anonymous = users.get('') ?? sessions(0);
          users.delete('');
          return { users, anonymous };
        };
        const apart = joinPresence([0, 1, 2].map((pod) => partOf(hereOf(pod))));
        assert.deepEqual(apart, joinPresence([partOf(hereOf(undefined))]));
      }),
    );
  });

  it('of very many fits into an answer, users first, and is counted all the same', () => {
    const users = new Map(
      Array.from({ length: 5_000 }, (_, n) => [
        `user-${n}-${'ü'.repeat(n % 200)}`,
        sessions(12, ...Array.from({ length: 12 }, (_unused, at) => `session-${n}-${at}`)),
      ]),
    );
    const anonymous = sessions(9_000, ...Array.from({ length: 9_000 }, (_, n) => `nobody-${n}`));
    for (const here of [
      { users, anonymous },
      { users: new Map(), anonymous },
    ]) {
      const clients = { ...nobody, presence: () => here };
      const answer = answerAbout(clients, { kind: 'presence', topic: 'room' });
      const bytes = Buffer.byteLength(JSON.stringify(answer));
      assert.ok(bytes <= ANSWER_BYTES && bytes > ANSWER_BYTES * 0.9, `${bytes}`);
      const joined = joinPresence([whoIsIn('room').read(carried(answer))]);
      assert.deepEqual([joined.users, joined.anonymous], [here.users.size, 9_000]);
      assert.ok(joined.sessions.size < here.users.size || here.users.size === 0);
      for (const count of joined.sessions.values()) assert.equal(count, 12);
    }
  });
});
