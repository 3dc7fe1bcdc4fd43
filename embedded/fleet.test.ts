import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { connect, type Socket } from 'node:net';
import { afterEach, describe, it } from 'node:test';
import { freePorts } from '../e2e/browser/embedded.ts';
import { Fleet, type Launch } from './fleet.ts';
import { Refused } from './page-server.ts';

/** A gateway that answers every request, and counts what it saw. */
const launch: Launch = async ({ name, port }) => {
  const server = createServer((_, response) => response.end(name));
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return {
    connections: () => 0,
    stop: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
};

const REQUEST = 'GET / HTTP/1.1\r\nhost: x\r\n\r\n';

describe('the fleet', () => {
  const fleets: Fleet[] = [];
  const sockets: Socket[] = [];
  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.destroy();
    for (const fleet of fleets.splice(0)) await fleet.stop();
  });

  async function start(count: number): Promise<{ fleet: Fleet; port: (id: number) => number }> {
    const basePort = await freePorts();
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
