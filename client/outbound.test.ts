import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ManualClock } from '../protocol/testing/manual-clock.ts';
import type { ClientOptions } from './options.ts';
import { watchedClient } from './testing/fake-network.ts';

function start(options: Partial<ClientOptions> = {}) {
  const clock = new ManualClock();
  const watched = watchedClient({ clock, ...options });
  void watched.client.connect();
  const { network } = watched;
  const pubs = () => network.last.said('pub').map(({ data }) => data);
  /** Answers the publish of `data` on the newest socket. */
  const answer = (data: unknown, more: object) => {
    const id = network.last.said('pub').find((pub) => pub['data'] === data)?.['id'];
    network.last.say({ id, ...more });
  };
  const acked = (data: unknown) => answer(data, { type: 'acked', position: 'e:1@1' });
  const refused = (data: unknown, code: string) =>
    answer(data, { type: 'err', code, message: 'no', at: 1, request: 'r' });
  const reconnect = async () => {
    network.last.drop();
    while (network.last.over) await clock.advance(500);
    network.last.welcome({ heartbeat: 1_000_000 });
  };
  return { clock, ...watched, pubs, acked, refused, reconnect };
}

describe('a publish', () => {
  it('waits for a connection, leaves in order, and settles with its position', async () => {
    const { client, network, pubs, acked } = start();
    const first = client.publish('t', 1);
    const second = client.publish('u', 2, { ack: 'replicas' });
    network.last.welcome();
    const third = client.publish('t', 3);
    assert.deepEqual(pubs(), [1, 2, 3]);
    assert.equal(network.last.said('pub')[1]?.['ack'], 'replicas');
    for (const data of [1, 2, 3]) acked(data);
    assert.deepEqual(await first, { position: 'e:1@1', duplicate: false });
    await Promise.all([second, third]);
  });

  it('is sent again after a break, in order, as a retry under the same number', async () => {
    const { client, network, pubs, acked, reconnect } = start();
    network.last.welcome();
    const first = client.publish('t', 1);
    const second = client.publish('t', 2);
    const before = network.last.said('pub').map(({ producer }) => producer);
    network.last.drop();
    const third = client.publish('t', 3);
    await reconnect();
    assert.deepEqual(pubs(), [1, 2, 3]);
    const after = network.last.said('pub').map(({ producer }) => producer);
    assert.deepEqual(after.slice(0, 2), before);
    const retries = network.last.said('pub').map(({ retry }) => retry);
    assert.deepEqual(retries, [true, true, undefined]);
    for (const data of [1, 2, 3]) acked(data);
    await Promise.all([first, second, third]);
  });

  it('reads its data at once', () => {
    const { client, network } = start();
    const data = { n: 1 };
    void client.publish('t', data);
    data.n = 2;
    network.last.welcome();
    assert.deepEqual(network.last.asked('pub')['data'], { n: 1 });
  });

  it('fails with the code of the gateway', async () => {
    const { client, network, refused } = start();
    network.last.welcome();
    const publish = client.publish('t', 1);
    refused(1, 'forbidden');
    await assert.rejects(publish, { code: 'forbidden', outcome: 'failed', retry: false });
  });

  it('is unknown when the gateway says so, or refuses only a repetition', async () => {
    const { client, network, refused, reconnect } = start();
    network.last.welcome();
    const first = client.publish('t', 1);
    refused(1, 'unknown_outcome');
    await assert.rejects(first, { code: 'unknown_outcome', outcome: 'unknown' });
    const second = client.publish('t', 2);
    await reconnect();
    refused(2, 'store_unavailable');
    await assert.rejects(second, { code: 'store_unavailable', outcome: 'unknown', retry: true });
  });

  it('that could only be written behind a later one is unknown', async () => {
    const { client, network, acked, refused, reconnect } = start();
    network.last.welcome();
    const first = client.publish('t', 1);
    const second = client.publish('t', 2);
    await reconnect();
    refused(1, 'out_of_order');
    acked(2);
    await assert.rejects(first, { code: 'out_of_order', outcome: 'unknown', retry: false });
    await second;
  });

  it('is not sent again when gateways may have forgotten the first sending', async () => {
    const { client, clock, network, pubs, reconnect } = start({ resendWindowMs: 1_000 });
    network.last.welcome({ heartbeat: 1_000_000 });
    const publish = client.publish('t', 1);
    await clock.advance(5_000);
    await reconnect();
    await assert.rejects(publish, { code: 'disconnected', outcome: 'unknown' });
    assert.deepEqual(pubs(), []);
  });

  it('has a deadline: failed when it never left, unknown when it did', async () => {
    const { client, clock, network } = start({ publishTimeoutMs: 1_000 });
    const first = client.publish('t', 1);
    await clock.advance(1_000);
    await assert.rejects(first, { code: 'timeout', outcome: 'failed' });
    network.last.welcome({ heartbeat: 1_000_000 });
    assert.equal(network.last.said('pub').length, 0);
    const second = client.publish('t', 2, { timeoutMs: 50 });
    await clock.advance(50);
    await assert.rejects(second, { code: 'timeout', outcome: 'unknown' });
  });

  it('can be aborted: failed when it never left, unknown when it did', async () => {
    const { client, network, pubs } = start();
    const reason = new Error('mine');
    await assert.rejects(client.publish('t', 0, { signal: AbortSignal.abort(reason) }), {
      code: 'aborted',
      cause: reason,
    });
    const early = new AbortController();
    const first = client.publish('t', 1, { signal: early.signal });
    early.abort(reason);
    await assert.rejects(first, { code: 'aborted', outcome: 'failed', cause: reason });
    network.last.welcome();
    assert.deepEqual(pubs(), []);
    const late = new AbortController();
    const second = client.publish('t', 2, { signal: late.signal });
    late.abort();
    await assert.rejects(second, { code: 'aborted', outcome: 'unknown' });
  });

  it('is refused when the queue is full, by count and by bytes', async () => {
    const byCount = start({ queueCount: 2 });
    void byCount.client.publish('t', 1);
    void byCount.client.publish('t', 2);
    await assert.rejects(byCount.client.publish('t', 3), { code: 'queue_full' });
    const byBytes = start({ queueBytes: 1_024 });
    void byBytes.client.publish('t', 'x'.repeat(700));
    await assert.rejects(byBytes.client.publish('t', 'x'.repeat(700)), {
      code: 'queue_full',
      outcome: 'failed',
      retry: true,
    });
  });

  it('makes room when it is settled', async () => {
    const { client, network, acked } = start({ queueCount: 1, queueBytes: 1_024 });
    network.last.welcome();
    for (let i = 0; i < 50; i += 1) {
      const publish = client.publish('t', `${i}${'x'.repeat(600)}`);
      acked(`${i}${'x'.repeat(600)}`);
      await publish;
    }
    assert.equal(network.last.said('pub').length, 50);
  });

  it('that the gateway would end the connection for is not sent', async () => {
    const { client, network } = start();
    network.last.welcome({ limits: { frameBytes: 120, topics: 10 } });
    await assert.rejects(client.publish('t', 'ä'.repeat(60)), { code: 'too_large' });
    assert.equal(network.last.said('pub').length, 0);
    // Neither now nor as a retry, which is longer.
    const frame = (data: string) => JSON.stringify({ ...network.last.said('pub')[0], data });
    void client.publish('t', '');
    const room = 120 - frame('').length;
    await assert.rejects(client.publish('t', 'x'.repeat(room)), { code: 'too_large' });
    assert.equal(network.last.said('pub').length, 1);
  });

  it('is refused at once for a bad topic or data without a JSON form', async () => {
    const { client } = start();
    const cycle: Record<string, unknown> = {};
    cycle['self'] = cycle;
    await assert.rejects(client.publish('', 1), { code: 'bad_topic' });
    for (const data of [undefined, 1n, cycle, () => 1]) {
      await assert.rejects(client.publish('t', data), { code: 'bad_data', outcome: 'failed' });
    }
  });

  it('is not made in the name of another identity', async () => {
    const { clock, client, network } = start();
    network.last.welcome({ identity: 'ann' });
    const sent = client.publish('t', 1);
    network.last.drop();
    const queued = client.publish('t', 2);
    await clock.advance(1_000);
    network.last.welcome({ identity: 'bob' });
    await assert.rejects(sent, { code: 'identity_changed', outcome: 'unknown' });
    await assert.rejects(queued, { code: 'identity_changed', outcome: 'failed' });
    assert.equal(network.last.said('pub').length, 0);
  });

  it('is settled by close, and no timer is left', async () => {
    const { clock, client, network } = start();
    network.last.welcome();
    const sent = client.publish('t', 1);
    const ping = client.ping();
    const closed = client.close();
    await assert.rejects(sent, { code: 'closed', outcome: 'unknown' });
    await assert.rejects(ping, { code: 'disconnected' });
    await closed;
    await assert.rejects(client.publish('t', 2), { code: 'closed', outcome: 'failed' });
    await assert.rejects(client.connect(), { code: 'closed' });
    assert.throws(() => client.subscribe('t'), { code: 'closed' });
    assert.equal(clock.timers, 0);
  });
});
