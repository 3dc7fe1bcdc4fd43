import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { ManualClock, turn } from '../protocol/testing/manual-clock.ts';
import type { ClientOptions } from './options.ts';
import { watchedClient } from './testing/fake-network.ts';

const routeUrl = 'https://gateways/v1/route?key=alice';

interface Asked {
  readonly url: string;
  readonly authorization: string | null;
  readonly signal: AbortSignal | null | undefined;
}

/** A client whose questions are answered by `answer`. */
function start(
  t: TestContext,
  answer: () => Promise<Response>,
  options: Partial<ClientOptions> = {},
) {
  const asked: Asked[] = [];
  t.mock.method(globalThis, 'fetch', (url: string, { headers, signal }: RequestInit) => {
    asked.push({ url, authorization: new Headers(headers).get('authorization'), signal });
    return answer();
  });
  const clock = new ManualClock();
  return { clock, asked, ...watchedClient({ clock, routeUrl, ...options }) };
}

const saying = (body: unknown) => async () => Response.json(body);
const urls = ({ sockets }: { readonly sockets: readonly { readonly url: string }[] }) =>
  sockets.map(({ url }) => url);

describe('a client that asks where it belongs', () => {
  it('connects there, with the token that it asked with', async (t) => {
    const here = saying({ key: 'alice', shard: 2_806, owner: 'c', url: 'ws://c/ws' });
    const { client, network, asked } = start(t, here, { token: 'secret' });
    void client.connect();
    assert.equal(client.state, 'connecting');
    await turn();
    assert.deepEqual(
      asked.map(({ url, authorization }) => [url, authorization]),
      [[routeUrl, 'Bearer secret']],
    );
    assert.deepEqual(urls(network), ['ws://c/ws']);
    network.last.accept();
    assert.equal(network.last.asked('hello')['token'], 'secret');
  });

  it('asks without a token where it has none', async (t) => {
    const { client, network, asked } = start(t, saying({ url: 'wss://c/ws' }));
    void client.connect();
    await turn();
    assert.deepEqual([asked[0]?.authorization, urls(network)], [null, ['wss://c/ws']]);
  });

  const useless: readonly (readonly [string, () => Promise<Response>])[] = [
    ['nobody is there', () => Promise.reject(new TypeError('fetch failed'))],
    ['it is refused', async () => Response.json({ code: 'unauthenticated' }, { status: 401 })],
    ['there is no ring', saying({ key: 'alice', shard: 2_806 })],
    ['it is not JSON', async () => new Response('<html>')],
    ['it is null', saying(null)],
    ['the address is none', saying({ url: 'c' })],
    ['the address is not of a WebSocket', saying({ url: 'https://c/ws' })],
    ['the address is not a text', saying({ url: ['wss://c/ws'] })],
    ['it leads from TLS to plain text', saying({ url: 'ws://c/ws' })],
  ];
  for (const [why, answer] of useless) {
    it(`connects to its own address when ${why}`, async (t) => {
      const { client, network, errors } = start(t, answer, { url: 'wss://a/ws' });
      void client.connect();
      await turn();
      assert.deepEqual([urls(network), errors], [['wss://a/ws'], []]);
    });
  }

  it('connects to its own address when nobody answers within two seconds', async (t) => {
    const answer = () =>
      new Promise<Response>((_, reject) => {
        const { signal } = asked[0] ?? {};
        signal?.addEventListener('abort', () => reject(signal.reason));
      });
    const { client, clock, network, asked } = start(t, answer);
    void client.connect();
    await clock.advance(1_999);
    assert.deepEqual(urls(network), []);
    await clock.advance(1);
    assert.deepEqual(urls(network), ['ws://a/ws']);
    await clock.advance(9_999);
    assert.equal(network.last.over, false, 'the socket has a deadline of its own');
  });

  it('tries its own address after one that it was sent to did not work', async (t) => {
    const { client, clock, network, asked } = start(t, saying({ url: 'ws://gone/ws' }));
    void client.connect();
    await turn();
    for (const wait of [500, 1_000]) {
      network.last.drop();
      await clock.advance(wait);
    }
    assert.deepEqual(urls(network), ['ws://gone/ws', 'ws://a/ws', 'ws://gone/ws']);
    assert.equal(asked.length, 2);
  });

  it('asks anew after a connection that ended, and not for a move', async (t) => {
    const { client, clock, network, asked } = start(t, saying({ url: 'ws://c/ws' }));
    void client.connect();
    await turn();
    const first = network.last;
    first.welcome({ heartbeat: 1_000_000 });
    first.say({ type: 'move', to: 'ws://d/ws', within: 1_000, reason: 'drain', token: 'ticket' });
    await turn();
    assert.equal(asked.length, 1);
    network.last.drop();
    first.drop();
    await clock.advance(500);
    assert.equal(asked.length, 2);
    assert.deepEqual(urls(network), ['ws://c/ws', 'ws://d/ws', 'ws://c/ws']);
  });

  it('gives up the question when it is closed', async (t) => {
    const { client, clock, network, asked } = start(t, () => new Promise(() => {}));
    void client.connect();
    await turn();
    await client.close();
    assert.equal(asked[0]?.signal?.aborted, true);
    assert.deepEqual([clock.timers, urls(network)], [0, []]);
  });

  it('does not ask when it was closed before it had its token', async (t) => {
    let grant = (_: string) => {};
    const token = () => new Promise<string>((resolve) => (grant = resolve));
    const { client, clock, network, asked } = start(t, saying({ url: 'ws://c/ws' }), { token });
    void client.connect();
    await turn();
    await client.close();
    grant('late');
    await turn();
    assert.deepEqual([asked, clock.timers, urls(network)], [[], 0, []]);
  });
});
