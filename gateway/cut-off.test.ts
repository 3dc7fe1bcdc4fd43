import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, it } from 'node:test';
import { createServer } from '../process/http.ts';
import { systemClock } from '../protocol/clock.ts';
import { ManualClock } from '../protocol/testing/manual-clock.ts';
import { askPeer, CutOff, type PeerAnswer } from './cut-off.ts';

const INTERVAL = 1_000;

function bench(peers: readonly string[] = ['a', 'b', 'c']) {
  const clock = new ManualClock();
  const changes: boolean[] = [];
  const asked: string[] = [];
  let answers: Record<string, PeerAnswer> = {};
  let seed = 1;
  const cutOff = new CutOff({
    peers: () => peers,
    intervalMs: INTERVAL,
    clock,
    random: () => {
      seed = (seed * 16_807) % 2_147_483_647;
      return seed / 2_147_483_647;
    },
    ask: async (peer) => {
      asked.push(peer);
      return answers[peer] ?? 'nobody';
    },
    onChange: (value) => void changes.push(value),
  });
  const say = (next: Record<string, PeerAnswer>) => {
    answers = next;
  };
  return { clock, changes, asked, cutOff, say };
}

const all = (answer: PeerAnswer) => ({ a: answer, b: answer, c: answer });

describe('being cut off', () => {
  it('takes two rounds, one interval apart, in which peers reach Redis', async () => {
    const { clock, changes, cutOff, say } = bench();
    say(all('reached'));
    cutOff.streamIs(true);
    await clock.advance(0);
    assert.equal(cutOff.cutOff, false);
    await clock.advance(INTERVAL - 1);
    assert.equal(cutOff.cutOff, false);
    await clock.advance(1);
    assert.deepEqual([cutOff.cutOff, changes], [true, [true]]);
  });

  it('never is while nobody reaches Redis, or nobody answers', async () => {
    for (const answer of ['not_reached', 'nobody'] as const) {
      const { clock, changes, cutOff, say } = bench();
      say(all(answer));
      cutOff.streamIs(true);
      for (let round = 0; round < 20; round += 1) await clock.advance(INTERVAL);
      assert.deepEqual(changes, []);
    }
  });

  it('never is without peers', async () => {
    const { clock, changes, cutOff } = bench([]);
    cutOff.streamIs(true);
    for (let round = 0; round < 5; round += 1) await clock.advance(INTERVAL);
    assert.deepEqual(changes, []);
  });

  it('needs more peers that reach Redis than peers that do not', async () => {
    const cases: readonly (readonly [Record<string, PeerAnswer>, boolean])[] = [
      [{ a: 'reached' }, true],
      [{ a: 'reached', b: 'not_reached' }, false],
      [{ a: 'reached', b: 'reached', c: 'not_reached' }, true],
      [{ a: 'reached', b: 'not_reached', c: 'not_reached' }, false],
    ];
    for (const [answers, expected] of cases) {
      const { clock, cutOff, say } = bench();
      say(answers);
      cutOff.streamIs(true);
      await clock.advance(0);
      await clock.advance(INTERVAL);
      assert.equal(cutOff.cutOff, expected, JSON.stringify(answers));
    }
  });

  it('ends with the first round without that, and begins again only after two', async () => {
    const { clock, changes, cutOff, say } = bench();
    say(all('reached'));
    cutOff.streamIs(true);
    await clock.advance(0);
    await clock.advance(INTERVAL);
    say(all('nobody'));
    await clock.advance(INTERVAL);
    assert.equal(cutOff.cutOff, false);
    say(all('reached'));
    await clock.advance(INTERVAL);
    assert.equal(cutOff.cutOff, false);
    await clock.advance(INTERVAL);
    assert.deepEqual(changes, [true, false, true]);
  });

  it('ends at once when the stream is back, also in the middle of a round', async () => {
    const { clock, changes, cutOff, say } = bench();
    say(all('reached'));
    cutOff.streamIs(true);
    await clock.advance(0);
    await clock.advance(INTERVAL);
    const round = clock.advance(INTERVAL);
    cutOff.streamIs(false);
    await round;
    assert.deepEqual([cutOff.cutOff, changes], [false, [true, false]]);
    assert.equal(clock.timers, 0);
    await clock.advance(10 * INTERVAL);
    assert.deepEqual(changes, [true, false]);
  });

  it('counts each outage for itself', async () => {
    const { clock, changes, cutOff, say } = bench();
    say(all('reached'));
    for (let outage = 0; outage < 5; outage += 1) {
      cutOff.streamIs(true);
      await clock.advance(0);
      cutOff.streamIs(false);
      await clock.advance(INTERVAL);
    }
    assert.deepEqual(changes, []);
  });

  it('asks three different peers each time, over time all of them', async () => {
    const peers = Array.from({ length: 10 }, (_, index) => `p${index}`);
    const { clock, asked, cutOff } = bench(peers);
    cutOff.streamIs(true);
    cutOff.streamIs(true);
    for (let round = 0; round < 60; round += 1) {
      await clock.advance(INTERVAL);
      const three = asked.slice(round * 3, round * 3 + 3);
      assert.equal(new Set(three).size, 3);
    }
    assert.equal(new Set(asked).size, 10);
  });
});

describe('asking a peer', () => {
  it('understands its status and its name, and takes everything else for silence', async () => {
    let answer: (response: ServerResponse) => void = () => {};
    const server = createServer((_request, response) => answer(response));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const peer = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    const parts = { pod: 'me', clock: systemClock, timeoutMs: 300, fetch: globalThis.fetch };
    const cases: readonly (readonly [PeerAnswer, (response: ServerResponse) => void])[] = [
      ['reached', (r) => void r.writeHead(200, { 'x-wscluster-pod': 'other' }).end('{}')],
      ['not_reached', (r) => void r.writeHead(503, { 'x-wscluster-pod': 'other' }).end('{}')],
      ['nobody', (r) => void r.writeHead(200, { 'x-wscluster-pod': 'me' }).end('{}')],
      ['nobody', (r) => void r.writeHead(200).end('{}')],
      ['nobody', (r) => void r.writeHead(404, { 'x-wscluster-pod': 'other' }).end('{}')],
      ['nobody', (r) => void r.writeHead(302, { location: '/' }).end()],
      ['nobody', (r) => void r.destroy()],
      ['nobody', () => {}],
    ];
    for (const [expected, how] of cases) {
      answer = how;
      assert.equal(await askPeer(peer, parts), expected);
    }
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    assert.equal(await askPeer(peer, parts), 'nobody');
  });
});
