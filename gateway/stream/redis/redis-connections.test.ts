import assert from 'node:assert/strict';
import { createServer, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { pause, until } from '../../../e2e/deadline.ts';
import { freePort } from '../../../e2e/processes/free-port.ts';
import { ManualClock } from '../../../protocol/testing/manual-clock.ts';
import { gatewaySettings } from '../../settings/declaration.ts';
import { Connection } from './redis-connections.ts';

const RECONNECT_MS = 300;
const DEADLINE_MS = 1_000;
const READONLY = '-READONLY You can not write against a read only replica.\r\n';
const DEMOTED =
  '-UNBLOCKED force unblock from blocking operation, instance state changed ' +
  '(master -> replica?)\r\n';

const settles = (what: string, holds: () => boolean) =>
  until(holds, { for: what, deadlineMs: 10_000 });

describe('A connection whose server', () => {
  let server: FakeServer;
  let clock: ManualClock;
  let connection: Connection;
  let prepared = 0;

  beforeEach(async () => {
    server = await FakeServer.open();
    clock = new ManualClock();
    const url = `redis://127.0.0.1:${server.port}`;
    const redis = { url, socketTimeoutMs: DEADLINE_MS, reconnectMaxMs: RECONNECT_MS };
    const settings = gatewaySettings.parse({ redis }).redis;
    prepared = 0;
    const owner = {
      prepare: async () => {
        prepared += 1;
      },
      lost: () => {},
      failed: () => {},
    };
    connection = new Connection(owner, { settings, clock, random: Math.random, name: 'c' });
    connection.open();
    await usable(1);
  });

  afterEach(async () => {
    connection.close();
    await server.close();
  });

  /** In use for the `times`th time, with nothing under way. */
  const usable = (times: number) =>
    settles('it to be usable', () => {
      return prepared === times && connection.usable && clock.timers === 0;
    });

  /** How it ends; sent when this returns. */
  async function sent(word: string): Promise<{ outcome: string | undefined }> {
    const call: { outcome: string | undefined } = { outcome: undefined };
    connection.call('ECHO', word).then(
      (value) => {
        call.outcome = String(value);
      },
      (error: Error) => {
        call.outcome = error.name;
      },
    );
    await settles(`${word} to be sent`, () => server.heard.includes(word));
    return call;
  }

  async function answered(call: { outcome: string | undefined }): Promise<string | undefined> {
    await settles('an answer', () => call.outcome !== undefined);
    return call.outcome;
  }

  test('is away for long is tried again as often as the setting says, not all at one time', () => {
    const wait = (attempt: number) => connection.redis.options.retryStrategy?.(attempt) as number;
    const waits = Array.from({ length: 100 }, (_, index) => wait(1_000 + index));
    assert.ok(waits.every((ms) => ms >= RECONNECT_MS / 2 && ms <= RECONNECT_MS));
    assert.ok(new Set(waits).size > 10);
    assert.ok(wait(1) <= 100);
  });

  test('is no master is left when it answered what was sent; it is sent no more', async () => {
    const [first, second] = [await sent('first'), await sent('second')];
    server.say(READONLY);
    assert.equal(await answered(first), 'ReplyError');
    assert.equal(connection.usable, false);
    await assert.rejects(connection.call('ECHO', 'third'), { name: 'StoreDown' });
    assert.equal(server.connections, 1);
    server.say('+second\r\n');
    assert.equal(await answered(second), 'second');
    await usable(2);
    assert.deepEqual([server.connections, server.heard.includes('third')], [2, false]);
  });

  test('is no master and falls silent is waited for no longer than any other', async () => {
    const [first, second] = [await sent('first'), await sent('second')];
    server.say(READONLY);
    await answered(first);
    await clock.advance(DEADLINE_MS - 1);
    assert.equal(second.outcome, undefined);
    await clock.advance(1);
    assert.equal(await answered(second), 'StoreUnknown');
    await usable(2);
  });

  test('was made a replica during a WAIT runs nothing of what was sent behind it', async () => {
    const [first, second] = [await sent('first'), await sent('second')];
    server.say(DEMOTED);
    server.hangUp();
    assert.deepEqual([await answered(first), await answered(second)], ['ReplyError', 'StoreDown']);
    await usable(2);
  });

  test('ended one WAIT by hand runs what was sent behind it', async () => {
    const [first, second, third] = [await sent('1st'), await sent('2nd'), await sent('3rd')];
    server.say('-UNBLOCKED client unblocked via CLIENT UNBLOCK\r\n');
    assert.equal(await answered(first), 'ReplyError');
    server.say('+second\r\n');
    assert.equal(await answered(second), 'second');
    server.hangUp();
    assert.equal(await answered(third), 'StoreUnknown');
  });

  test('hung up is sent nothing more: that is down, not unknown', async () => {
    const call = await sent('first');
    connection.break('a reason');
    await assert.rejects(connection.call('ECHO', 'second'), { name: 'StoreDown' });
    assert.equal(await answered(call), 'StoreUnknown');
    await usable(2);
  });

  test('is gone leaves nothing behind when it is given up: a process can end', async () => {
    await server.close();
    await settles('the next try', () => connection.redis.status === 'reconnecting');
    const before = runningTimers();
    connection.close();
    await pause(DEADLINE_MS / 10);
    assert.equal(runningTimers(), before - 1);
  });
});

const runningTimers = () =>
  process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;

/** Answers CLIENT by itself, everything else when it is told to. */
class FakeServer {
  readonly port: number;
  connections = 0;
  /** All that came, as text. */
  heard = '';
  readonly #server: Server;
  #socket: Socket | undefined;

  private constructor(server: Server, port: number) {
    this.#server = server;
    this.port = port;
  }

  static async open(): Promise<FakeServer> {
    const server = createServer();
    const port = await freePort();
    await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
    const fake = new FakeServer(server, port);
    server.on('connection', (socket) => fake.#accept(socket));
    return fake;
  }

  say(reply: string): void {
    this.#socket?.write(reply);
  }

  hangUp(): void {
    this.#socket?.end();
  }

  async close(): Promise<void> {
    this.#socket?.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #accept(socket: Socket): void {
    this.connections += 1;
    this.#socket = socket;
    socket.on('error', () => socket.destroy());
    socket.on('data', (data) => {
      this.heard += data.toString();
      if (data.includes('SETNAME')) socket.write('+OK\r\n');
    });
  }
}
