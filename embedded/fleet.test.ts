import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterEach, describe, it } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { embeddedPorts } from '../e2e/browser/embedded.ts';
import { until } from '../e2e/deadline.ts';
import type { HeldRing } from '../gateway/ring/ring-keeper.ts';
import { createServer } from '../process/http.ts';
import { firstRing } from '../protocol/ring.ts';
import { Fleet, type Launch } from './fleet.ts';
import { Refused } from './page-server.ts';

/** What the gateways of a test were told, and how their drains end. */
const told: string[] = [];
let emptied = Promise.withResolvers<void>();
let rings: Record<string, HeldRing> = {};

/** A gateway that answers every request. */
const launch: Launch = async ({ name, port }) => {
  const server = createServer((_, response) => response.end(name));
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return {
    connections: () => 0,
    ring: () => rings[name],
    board: {
      freeze: () => void told.push(`${name} freeze`),
      thaw: () => void told.push(`${name} thaw`),
      cut: () => void told.push(`${name} cut`),
    },
    drain: () => {
      told.push(`${name} drain`);
      return emptied.promise;
    },
    stop: () =>
      new Promise((resolve) => {
        told.push(`${name} stop`);
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
};

const REQUEST = 'GET / HTTP/1.1\r\nhost: x\r\n\r\n';

function held(counter: number): HeldRing {
  const member = { id: 'a', weight: 1, zone: '', address: 'a:1' };
  const version = { generation: 1, counter };
  const ring = firstRing({ cluster: 'chat', version }, [member]);
  return { ring, version, digest: `digest ${counter}`, document: `ring ${counter}` };
}

describe('the fleet', () => {
  const fleets: Fleet[] = [];
  const sockets: Socket[] = [];
  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.destroy();
    for (const fleet of fleets.splice(0)) await fleet.stop();
    told.splice(0);
    emptied = Promise.withResolvers();
    rings = {};
  });

  async function start(count: number): Promise<{ fleet: Fleet; port: (id: number) => number }> {
    const basePort = await embeddedPorts();
    const fleet = new Fleet({ launch, basePort, store: 'memory' });
    fleets.push(fleet);
    for (let i = 0; i < count; i += 1) await fleet.start();
    return { fleet, port: (id) => basePort + id };
  }

  async function open(port: number): Promise<Socket> {
    const socket = connect(port, '127.0.0.1');
    sockets.push(socket);
    socket.on('error', () => {});
    await once(socket, 'connect');
    return socket;
  }

  const conditions = (fleet: Fleet) => fleet.view().gateways.map(({ condition }) => condition);

  it('starts gateways on the next ports, at most nine', async () => {
    const { fleet, port } = await start(9);
    assert.equal(fleet.view().gateways[8]?.port, port(9));
    assert.equal(fleet.view().mayStart, false);
    await assert.rejects(fleet.start(), Refused);
  });

  it('kills one without a word to its clients, and starts it again on its port', async () => {
    const { fleet, port } = await start(2);
    const socket = await open(port(1));
    let said = '';
    socket.on('data', (chunk: Buffer) => {
      said += chunk.toString();
    });
    const closed = new Promise((resolve) => socket.on('close', resolve));
    await fleet.act(1, 'kill');
    await closed;
    assert.equal(said, '');
    assert.deepEqual(conditions(fleet), ['killed', 'running']);
    // The board hears nothing either: it must find out by the silence.
    assert.deepEqual(told, ['gateway-1 cut', 'gateway-1 stop']);
    await fleet.act(1, 'revive');
    assert.deepEqual(conditions(fleet), ['running', 'running']);
    (await open(port(1))).end(REQUEST);
  });

  it('freezes one: it accepts, and answers nothing until it thaws', async () => {
    const { fleet, port } = await start(1);
    const old = await open(port(1));
    await fleet.act(1, 'freeze');
    const young = await open(port(1));
    let answers = 0;
    for (const socket of [old, young]) {
      socket.on('data', () => {
        answers += 1;
      });
      socket.write(REQUEST);
    }
    // What had been under way reaches an unfrozen gateway long before this one is asked again.
    const other = await start(1);
    const control = await open(other.port(1));
    control.write(REQUEST);
    await once(control, 'data');
    assert.equal(answers, 0);
    const answered = Promise.all([once(old, 'data'), once(young, 'data')]);
    await fleet.act(1, 'thaw');
    await answered;
    assert.equal(answers, 2);
    assert.deepEqual(told, ['gateway-1 freeze', 'gateway-1 thaw']);
  });

  it('drains one: it ends when it is empty, and can be started again', async () => {
    const { fleet } = await start(2);
    await fleet.act(1, 'drain');
    assert.deepEqual(conditions(fleet), ['draining', 'running']);
    await assert.rejects(fleet.act(1, 'freeze'), /gateway-1 is draining/);
    assert.deepEqual(told, ['gateway-1 drain']);
    emptied.resolve();
    const left = () => conditions(fleet)[0] === 'left';
    await until(left, { for: 'it to leave', deadlineMs: 5_000, everyMs: 5 });
    assert.deepEqual(told, ['gateway-1 drain', 'gateway-1 stop']);
    await fleet.act(1, 'revive');
    assert.deepEqual(conditions(fleet), ['running', 'running']);
  });

  it('forgets a drain when the gateway is killed meanwhile', async () => {
    const { fleet } = await start(1);
    await fleet.act(1, 'drain');
    await fleet.act(1, 'kill');
    await fleet.act(1, 'revive');
    emptied.resolve();
    await setImmediate();
    assert.deepEqual(conditions(fleet), ['running']);
    const once = ['gateway-1 drain', 'gateway-1 cut', 'gateway-1 stop'];
    assert.deepEqual(told, once);
  });

  it('shows the newest ring that any gateway has which answers', async () => {
    const { fleet } = await start(3);
    assert.equal(fleet.view().ring, undefined);
    rings = { 'gateway-1': held(1), 'gateway-2': held(3), 'gateway-3': held(2) };
    assert.deepEqual(fleet.view().ring, { generation: 1, counter: 3, digest: 'digest 3' });
    assert.equal(fleet.ringDocument(), 'ring 3');
    await fleet.act(2, 'freeze');
    assert.equal(fleet.ringDocument(), 'ring 2');
    await fleet.act(3, 'kill');
    await fleet.act(1, 'drain');
    assert.equal(fleet.ringDocument(), 'ring 1');
    await fleet.act(1, 'kill');
    assert.equal(fleet.view().ring, undefined);
  });

  it('refuses what cannot be done', async () => {
    const { fleet } = await start(1);
    await assert.rejects(fleet.act(1, 'thaw'), /gateway-1 is running/);
    await assert.rejects(fleet.act(2, 'kill'), /no gateway 2/);
    await fleet.act(1, 'kill');
    await assert.rejects(fleet.act(1, 'freeze'), /gateway-1 is killed/);
  });

  it('tells of each change, and forgets a gateway that could not be started', async () => {
    const { fleet, port } = await start(1);
    const taken = createServer().listen(port(2), '127.0.0.1');
    await once(taken, 'listening');
    const seen: string[] = [];
    fleet.onChange(() => seen.push(conditions(fleet).join()));
    await assert.rejects(fleet.start(), { code: 'EADDRINUSE' });
    assert.equal(seen[0], 'running,starting');
    assert.equal(seen.at(-1), 'running');
    taken.close();
  });
});
