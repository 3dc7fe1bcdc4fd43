import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { until } from '../deadline.ts';
import type { GatewayProcess } from '../processes/gateway-process.ts';
import { Pair } from './pair.ts';

const WSCAT = join(import.meta.dirname, '../../node_modules/.bin/wscat');
const DEADLINE_MS = 10_000;

/** A wscat process and the frames that it has printed. */
class Wscat {
  readonly frames: Record<string, unknown>[] = [];
  readonly #process: ChildProcess;

  constructor(gateway: GatewayProcess, query: string) {
    // Standard input stays open: wscat ends with it.
    this.#process = spawn(process.execPath, [WSCAT, '-c', `${gateway.url}?${query}`]);
    let rest = '';
    this.#process.stdout?.setEncoding('utf8').on('data', (text: string) => {
      const lines = (rest + text).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) if (line !== '') this.frames.push(JSON.parse(line));
    });
  }

  /** The data of its messages, once there are so many. */
  async messages(count: number): Promise<unknown[]> {
    await until(() => this.frames.length >= count, {
      for: () => `${count} frames; there are ${JSON.stringify(this.frames)}`,
      deadlineMs: DEADLINE_MS,
    });
    return this.frames.map((frame) => frame['data']);
  }

  signal(name: NodeJS.Signals): void {
    this.#process.kill(name);
  }

  async kill(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const exited = once(this.#process, 'exit');
    this.signal('SIGKILL');
    await exited;
  }
}

const subscriptions = async (gateway: GatewayProcess) =>
  (await gateway.metric('wscluster_subscriptions')) ?? 0;

describe('wscat, a client that knows nothing of the protocol', { timeout: 60_000 }, () => {
  let pair: Pair;
  const started: Wscat[] = [];
  const wscat = async (gateway: GatewayProcess, query: string) => {
    const subscribed = await subscriptions(gateway);
    const client = new Wscat(gateway, query);
    started.push(client);
    await until(async () => (await subscriptions(gateway)) > subscribed, {
      for: 'wscat to be subscribed',
      deadlineMs: DEADLINE_MS,
    });
    return client;
  };
  const cursorAt = (session: string, seq: number) =>
    until(async () => (await pair.cursors(session)).includes(seq), {
      for: `the cursor of ${session} to be at ${seq}`,
      deadlineMs: DEADLINE_MS,
    });
  before(async () => {
    pair = await Pair.start();
  });
  after(async () => {
    await Promise.all(started.map((client) => client.kill()));
    await pair?.stop();
  });

  it('gets one JSON object per frame, with type, topic, data and position', async () => {
    const client = await wscat(pair.second, 'topics=plain');
    await pair.publish(pair.first, 'plain', [{ hi: 1 }]);
    await client.messages(1);
    const [frame] = client.frames;
    assert.equal(frame?.['type'], 'msg');
    assert.equal(frame?.['topic'], 'plain');
    assert.deepEqual(frame?.['data'], { hi: 1 });
    assert.match(String(frame?.['position']), /^[\w-]+:1@\d+$/);
  });

  it('gets what it missed first, on another gateway', async () => {
    const client = await wscat(pair.first, 'topics=room.1&session=me');
    // It is counted when it is asked for, and begins where the topic is once that is opened.
    await cursorAt('me', 0);
    await pair.publish(pair.second, 'room.1', [1]);
    assert.deepEqual(await client.messages(1), [1]);
    // Its pong moves the cursor.
    await cursorAt('me', 1);
    await client.kill();
    await pair.publish(pair.second, 'room.1', [2, 3, 4]);
    const again = await wscat(pair.second, 'topics=room.1&session=me');
    assert.deepEqual(await again.messages(3), [2, 3, 4]);
  });

  it('gets what arrived while it was frozen and it never read', async () => {
    const client = await wscat(pair.first, 'topics=room.2&session=frozen');
    await cursorAt('frozen', 0);
    client.signal('SIGSTOP');
    await pair.publish(pair.first, 'room.2', ['unread 1', 'unread 2']);
    await client.kill();
    assert.deepEqual(client.frames, []);
    const again = await wscat(pair.second, 'topics=room.2&session=frozen');
    assert.deepEqual(await again.messages(2), ['unread 1', 'unread 2']);
  });
});
