import assert from 'node:assert/strict';
import { after, afterEach, beforeEach, describe, test } from 'node:test';
import { ManualClock } from '../../../protocol/testing/manual-clock.ts';
import { silentLogger } from '../../logger.ts';
import { AllPods, ANSWER_MS, type Question } from '../all-pods.ts';
import type { PodsOnBoard } from '../pod-board.ts';
import { type PodWire, WIRE_BYTES } from '../pod-wire.ts';
import type { BoardStore, BoardWorld } from './board-world.ts';

/** Everything that a pod hears, as `all …` and `own …`. */
class Ear {
  readonly heard: string[] = [];
  readonly wire: PodWire;

  private constructor(wire: PodWire) {
    this.wire = wire;
  }

  static async on(world: BoardWorld, pod: string, cluster?: string): Promise<Ear> {
    const ear = new Ear(world.wire(pod, cluster));
    await new Promise<void>((onUp) => {
      ear.wire.open({
        onUp,
        onAll: (text) => ear.heard.push(`all ${text}`),
        onOwn: (text) => ear.heard.push(`own ${text}`),
      });
    });
    return ear;
  }
}

const live = { at: 100, intervalMs: 10, upSince: 0, falls: 0, state: 'here' } as const;
const load = { connections: 0, utilisation: 0 };
const boardOf = (...names: string[]): PodsOnBoard => ({
  time: { now: 100, since: 0 },
  beats: new Map(names.map((name) => [name, { ...live, load }])),
  facts: new Map(),
});
const nobody = { asked() {}, heard() {} };
const greeting: Question<unknown> = { ask: { say: 'hi' }, read: ({ said }) => said };

/** Every rule of the `PodWire` seam that both wires must keep, and questions over them. */
export function wireConformance(name: string, open: () => Promise<BoardStore>): void {
  describe(`${name} keeps the rules of a wire:`, () => {
    let store: BoardStore | undefined;
    let world: BoardWorld;

    beforeEach(async () => {
      store ??= await open();
      world = await store.world();
    });
    afterEach(() => world.close());
    after(() => store?.close());

    const ear = (pod: string, cluster?: string) => Ear.on(world, pod, cluster);
    const hears = (who: Ear, count: number) =>
      world.until(`${count} texts`, () => who.heard.length >= count);

    test('what is said to all is heard by all of the cluster, by the speaker too', async () => {
      const [a, b, other] = [await ear('a'), await ear('b'), await ear('c', 'other')];
      await a.wire.toAll('hello');
      await other.wire.toAll('to the others');
      for (const each of [a, b, other]) await hears(each, 1);
      assert.deepEqual([a.heard, b.heard], [['all hello'], ['all hello']]);
      assert.deepEqual(other.heard, ['all to the others']);
    });

    test('what is said to one is heard by that one, in order', async () => {
      const strange = 'ü*:[a-b] {0}';
      const [a, b] = [await ear('a'), await ear(strange)];
      const said = Array.from({ length: 100 }, (_, n) => `number ${n}`);
      await Promise.all(said.map((text) => a.wire.toPod(strange, text)));
      await a.wire.toPod('nobody', 'lost');
      await hears(b, said.length);
      assert.deepEqual(
        b.heard,
        said.map((text) => `own ${text}`),
      );
      assert.deepEqual(a.heard, []);
    });

    test('a text of any length arrives whole; one above the limit is refused', async () => {
      const a = await ear('a');
      const longest = 'ä'.repeat(WIRE_BYTES / 2);
      await a.wire.toAll(longest);
      await hears(a, 1);
      assert.deepEqual(a.heard, [`all ${longest}`]);
      await assert.rejects(a.wire.toAll(`${longest}.`), RangeError);
      await assert.rejects(a.wire.toPod('a', `${longest}.`), RangeError);
    });

    test('who closed hears nothing and says nothing', async () => {
      const [a, b] = [await ear('a'), await ear('b')];
      b.wire.close();
      await a.wire.toAll('hello');
      await hears(a, 1);
      await world.pass(20);
      assert.deepEqual(b.heard, []);
      await assert.rejects(b.wire.toAll('hello'));
      await assert.rejects(b.wire.toPod('a', 'hello'));
    });

    async function asking(pod: string, seen: PodsOnBoard, clock = world.clock) {
      const wire = world.wire(pod);
      const all = new AllPods({
        ...{ pod, wire, clock, random: Math.random, logger: silentLogger, counts: nobody },
        pods: async () => seen,
        answer: ({ say }) => ({ said: `${say} from ${pod}` }),
      });
      const up = new Promise<void>((onUp) => {
        const { open: really } = wire;
        wire.open = (listener) => really.call(wire, { ...listener, onUp });
      });
      all.start();
      await up;
      return all;
    }

    test('a question is answered by every pod, and by one that is not on the board', async () => {
      const seen = boardOf('a', 'b', 'c');
      const all = [await asking('a', seen), await asking('b', seen), await asking('c', seen)];
      const newcomer = await asking('new', seen);
      const { answers, missing } = await (all[0] as AllPods).ask(greeting);
      assert.deepEqual(missing, []);
      assert.equal(answers.get('c'), 'hi from c');
      const fromNew = await newcomer.ask(greeting);
      assert.deepEqual([...fromNew.answers.keys()].sort(), ['a', 'b', 'c', 'new']);
      for (const each of [...all, newcomer]) each.stop();
    });

    test('who does not answer is named when the time is over', async () => {
      const seen = boardOf('a', 'b', 'frozen', 'killed');
      const clock = new ManualClock();
      const [a, b] = [await asking('a', seen, clock), await asking('b', seen)];
      const frozen = await ear('frozen');
      const answers = a.ask(greeting);
      await world.until('the question', () => frozen.heard.length > 0);
      let over = false;
      void answers.then(() => {
        over = true;
      });
      await clock.advance(ANSWER_MS - 1);
      await world.pass(50);
      assert.equal(over, false);
      await clock.advance(1);
      const { answers: said, missing } = await answers;
      assert.deepEqual([...said.keys()].sort(), ['a', 'b']);
      assert.deepEqual(missing, ['frozen', 'killed']);
      for (const each of [a, b]) each.stop();
    });
  });
}
