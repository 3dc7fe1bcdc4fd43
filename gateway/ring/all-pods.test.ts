import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { Fields } from '../../protocol/fields.ts';
import { Refusal } from '../../protocol/refusal.ts';
import { ManualClock } from '../../protocol/testing/manual-clock.ts';
import { silentLogger } from '../logger.ts';
import { AllPods, ANSWER_BYTES, ANSWER_MS } from './all-pods.ts';
import type { PodBeat, PodsOnBoard } from './pod-board.ts';
import type { PodWire, WireListener } from './pod-wire.ts';

const beat: PodBeat = {
  ...{ at: 10_000, intervalMs: 1_000, upSince: 0, falls: 0, state: 'here' },
  load: { connections: 0, utilisation: 0 },
};

/** A pod `a` on a wire whose other end is the test. */
class Pod {
  readonly clock = new ManualClock();
  readonly said: { readonly to: string; readonly text: string }[] = [];
  readonly counted: string[] = [];
  readonly all: AllPods;
  beats: Record<string, PodBeat> = { a: beat };
  boardFails = false;
  wireFails = false;
  listener: WireListener | undefined;

  constructor(answer: (ask: Fields) => Fields = () => ({ from: 'a' })) {
    const say = async (to: string, text: string) => {
      if (this.wireFails) throw new Error('the wire is cut');
      this.said.push({ to, text });
    };
    const wire: PodWire = {
      open: (listener) => {
        this.listener = listener;
      },
      toAll: (text) => say('all', text),
      toPod: say,
      close() {},
    };
    this.all = new AllPods({
      ...{ pod: 'a', wire, clock: this.clock, logger: silentLogger, answer },
      random: Math.random,
      pods: async () => this.#pods(),
      counts: {
        asked: (outcome) => this.counted.push(`asked ${outcome}`),
        heard: (outcome) => this.counted.push(`heard ${outcome}`),
      },
    });
    this.all.start();
  }

  /** Asks, and returns the question as it was sent. */
  async asks() {
    const answers = this.all.ask({ ask: { what: 1 }, read: (fields) => fields });
    await this.clock.advance(0);
    const sent = JSON.parse(this.said.at(-1)?.text ?? '{}') as { readonly id: string };
    const hear = (answer: unknown) => this.listener?.onOwn(JSON.stringify(answer));
    return { answers, sent, hear };
  }

  #pods(): PodsOnBoard {
    if (this.boardFails) throw new Error('the board is away');
    return {
      time: { now: 10_000, since: 0 },
      beats: new Map(Object.entries(this.beats)),
      facts: new Map(),
    };
  }
}

const code = (expected: string) => (error: unknown) =>
  error instanceof Refusal && error.code === expected;

describe('a question to all pods', () => {
  it('is over at once for a pod that is alone', async () => {
    const pod = new Pod();
    const { answers, sent } = await pod.asks();
    assert.deepEqual(await answers, { answers: new Map([['a', { from: 'a' }]]), missing: [] });
    assert.deepEqual(sent, { id: sent.id, from: 'a', ask: { what: 1 } });
    assert.deepEqual(pod.counted, ['asked complete']);
    assert.equal(pod.clock.timers, 0);
  });

  it('waits for whoever lives, also who is leaving, and not for who left or is gone', async () => {
    const pod = new Pod();
    pod.beats = {
      ...{ a: beat, b: beat, leaving: { ...beat, state: 'leaving' } },
      ...{ left: { ...beat, state: 'left' }, gone: { ...beat, at: 6_999 } },
      late: { ...beat, at: 7_000 },
    };
    const { answers } = await pod.asks();
    await pod.clock.advance(ANSWER_MS);
    const { missing } = await answers;
    assert.deepEqual(missing, ['b', 'late', 'leaving']);
    assert.deepEqual(pod.counted, ['asked incomplete']);
  });

  it('takes the first answer of each, and none when it is over', async () => {
    const pod = new Pod();
    pod.beats = { a: beat, b: beat, c: beat };
    const { answers, sent, hear } = await pod.asks();
    hear({ id: sent.id, pod: 'b', answer: { n: 1 } });
    hear({ id: sent.id, pod: 'b', answer: { n: 2 } });
    hear({ id: 'another', pod: 'c', answer: { n: 3 } });
    hear({ id: sent.id, pod: 'c', answer: { n: 4 } });
    const { answers: said, missing } = await answers;
    assert.deepEqual([said.get('b'), said.get('c'), missing], [{ n: 1 }, { n: 4 }, []]);
    hear({ id: sent.id, pod: 'd', answer: {} });
    const heard = ['awaited', 'late', 'late', 'awaited'].map((outcome) => `heard ${outcome}`);
    assert.deepEqual(pod.counted, [...heard, 'asked complete', 'heard late']);
  });

  it('counts whoever says what is no answer as one that did not answer', async () => {
    const pod = new Pod();
    pod.beats = { a: beat, b: beat };
    const asked = pod.all.ask({
      ask: {},
      read: ({ from }) => {
        if (typeof from === 'string') return from;
        throw new Refusal('bad_request', 'from: a name');
      },
    });
    await pod.clock.advance(0);
    const { id } = JSON.parse(pod.said[0]?.text ?? '');
    pod.listener?.onOwn(JSON.stringify({ id, pod: 'b', answer: { from: 7 } }));
    assert.deepEqual(await asked, { answers: new Map([['a', 'a']]), missing: ['b'] });
  });

  it('is refused when nobody can be asked, and then nobody was', async () => {
    let answered = 0;
    const pod = new Pod(() => {
      answered += 1;
      return {};
    });
    pod.boardFails = true;
    const ask = () => pod.all.ask({ ask: {}, read: () => 0 });
    await assert.rejects(ask(), code('store_unavailable'));
    pod.boardFails = false;
    pod.wireFails = true;
    await assert.rejects(ask(), code('store_unavailable'));
    assert.deepEqual([answered, pod.said], [0, []]);
    await assert.rejects(
      pod.all.ask({ ask: { long: 'x'.repeat(4_096) }, read: () => 0 }),
      code('bad_request'),
    );
    assert.deepEqual(pod.counted, Array(3).fill('asked failed'));
  });

  it('is refused while too many wait, and stopping ends all', async () => {
    const pod = new Pod();
    pod.beats = { a: beat, b: beat };
    const waiting = Array.from({ length: 64 }, () => pod.all.ask({ ask: {}, read: () => 0 }));
    await assert.rejects(pod.all.ask({ ask: {}, read: () => 0 }), code('overloaded'));
    await pod.clock.advance(0);
    pod.all.stop();
    for (const { missing } of await Promise.all(waiting)) assert.deepEqual(missing, ['b']);
    assert.equal(pod.clock.timers, 0);
  });
});

describe('a pod that is asked', () => {
  const question = (over: object = {}) => JSON.stringify({ id: 'x', from: 'b', ask: {}, ...over });

  it('answers whoever asked, and leaves its own questions alone', () => {
    const pod = new Pod(({ n }) => ({ twice: Number(n) * 2 }));
    pod.listener?.onAll(question({ ask: { n: 4 } }));
    pod.listener?.onAll(question({ from: 'a' }));
    const text = JSON.stringify({ id: 'x', pod: 'a', answer: { twice: 8 } });
    assert.deepEqual(pod.said, [{ to: 'b', text }]);
    assert.deepEqual(pod.counted, ['heard answered']);
  });

  it('answers fifty each second', async () => {
    const pod = new Pod();
    for (let n = 0; n < 60; n += 1) pod.listener?.onAll(question());
    assert.equal(pod.said.length, 50);
    assert.equal(pod.counted.filter((outcome) => outcome === 'heard dropped').length, 10);
    await pod.clock.advance(1_000);
    pod.listener?.onAll(question());
    assert.equal(pod.said.length, 51);
  });

  it('survives a mistake of its own, and says nothing to what it does not know', () => {
    for (const error of [new Error('a mistake'), new Refusal('bad_request', 'kind: nothing')]) {
      const pod = new Pod(() => {
        throw error;
      });
      pod.listener?.onAll(question());
      assert.deepEqual([pod.said, pod.counted], [[], ['heard refused']]);
    }
  });

  it('refuses everything that is no question and no answer', () => {
    const pod = new Pod();
    const bad = [
      ...['', '{', 'null', '[]', '7', '"text"', '{}'],
      ...[{ id: 1 }, { id: '' }, { id: 'ä' }, { from: '' }, { from: 7 }].map(question),
      ...[{ from: 'x'.repeat(256) }, { ask: [] }, { ask: null }, { ask: 'x' }].map(question),
      question({ ask: { long: 'x'.repeat(4_096) } }),
    ];
    for (const text of bad) {
      pod.listener?.onAll(text);
      pod.listener?.onOwn(text);
    }
    pod.listener?.onOwn(JSON.stringify({ id: 'x', pod: 'b', answer: 'x'.repeat(ANSWER_BYTES) }));
    assert.deepEqual(pod.counted, Array(2 * bad.length + 1).fill('heard refused'));
    assert.deepEqual(pod.said, []);
  });

  it('throws at nothing that comes', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
        const pod = new Pod();
        pod.listener?.onAll(text);
        pod.listener?.onOwn(text);
        assert.equal(pod.said.length, 0);
      }),
    );
  });
});
