import assert from 'node:assert/strict';
import { after, afterEach, beforeEach, describe, test } from 'node:test';
import type { RingVersion } from '../../../protocol/ring.ts';
import {
  type Beat,
  type Beaten,
  GONE_HEARTBEATS,
  type Offer,
  type PodBoard,
  type PodFacts,
  type RingStamp,
  silenceOf,
} from '../pod-board.ts';
import type { BoardStore, BoardWorld } from './board-world.ts';

/** So long that no busy machine lets it pass by accident. */
const SLOW_MS = 60_000;
/** Short enough to wait for. */
const FAST_MS = 250;
/** A busy machine makes pauses of its own, after which silence is counted anew. */
const STEPS_MAX = 200;

const factsOf = (name: string): PodFacts => ({
  ...{ weight: 1, zone: 'a', address: `${name}:8001`, key: `key of ${name}` },
});
const version = (generation: number, counter: number): RingVersion => ({ generation, counter });
const stamp = (at: RingVersion, digest = 'd'): RingStamp => ({ version: at, digest });
const passing = (ring: RingStamp, document = `of ${ring.digest}`): Offer => ({ ring, document });

/** What a pod would say and remember, without deciding anything. */
class TestPod {
  readonly name: string;
  readonly board: PodBoard;
  ring: RingStamp | undefined;
  #known: string | undefined;
  readonly #intervalMs: number;

  private constructor(name: string, board: PodBoard, intervalMs: number) {
    this.name = name;
    this.board = board;
    this.#intervalMs = intervalMs;
  }

  static async on(world: BoardWorld, name: string, options: PodOptions = {}): Promise<TestPod> {
    const board = world.board(name, options.cluster);
    await new Promise<void>((up) => board.open(up));
    return new TestPod(name, board, options.intervalMs ?? SLOW_MS);
  }

  async beat(over: Partial<Beat> = {}): Promise<Beaten> {
    const answer = await this.board.beat({
      ...{ pod: this.name, intervalMs: this.#intervalMs, leaving: false },
      ...{ facts: factsOf(this.name), load: { connections: 7, utilisation: 0.25 } },
      ...{ ring: this.ring, refused: undefined, known: this.#known, mayWrite: true, ...over },
    });
    this.#known = answer.facts.token;
    return answer;
  }

  /** The generation of the lease that it gets with its next beat. */
  async lease(): Promise<number | undefined> {
    return (await this.beat()).lease?.generation;
  }

  write(ring: RingStamp, generation: number, over: RingStamp | undefined): Promise<string> {
    const written = { by: this.name, generation, over };
    return this.board.offer({ ...passing(ring), written });
  }
}

interface PodOptions {
  readonly cluster?: string;
  readonly intervalMs?: number;
}

/** Every rule of the `PodBoard` seam that both boards must keep. */
export function boardConformance(name: string, open: () => Promise<BoardStore>): void {
  describe(`${name} keeps the rules of a board:`, () => {
    let store: BoardStore | undefined;
    let world: BoardWorld;

    beforeEach(async () => {
      store ??= await open();
      world = await store.world();
    });
    afterEach(() => world.close());
    after(() => store?.close());

    const pod = (id: string, options?: PodOptions) => TestPod.on(world, id, options);

    /** Time passes in which this pod, and nobody else, beats, until `holds` of its answer. */
    async function heard(only: TestPod, holds: (answer: Beaten) => boolean): Promise<Beaten> {
      for (let steps = 0; steps < STEPS_MAX; steps += 1) {
        await world.pass(FAST_MS / 2);
        const answer = await only.beat();
        if (holds(answer)) return answer;
      }
      throw new Error(`not within ${STEPS_MAX} steps`);
    }

    describe('the lease', () => {
      test('belongs to the first who asks, and everybody knows to whom', async () => {
        const [a, b] = [await pod('a'), await pod('b')];
        const first = await a.beat();
        assert.deepEqual([first.lease?.generation, first.holder], [1, 'a']);
        const second = await b.beat();
        assert.deepEqual([second.lease, second.holder], [undefined, 'a']);
        assert.equal(await a.lease(), 1);
      });

      test('brings the beats of all, and nobody else gets them', async () => {
        const [a, b] = [await pod('a'), await pod('b')];
        await a.beat();
        assert.equal((await b.beat()).lease, undefined);
        const { lease, time } = await a.beat();
        assert.deepEqual([...(lease?.beats.keys() ?? [])].sort(), ['a', 'b']);
        const seen = lease?.beats.get('b') ?? assert.fail('no beat of b');
        assert.deepEqual(
          { ...seen, at: 0, upSince: 0 },
          {
            ...{ at: 0, upSince: 0, intervalMs: SLOW_MS, falls: 0, state: 'here' },
            load: { connections: 7, utilisation: 0.25 },
          },
        );
        assert.ok(time.since <= seen.upSince && seen.upSince <= seen.at && seen.at <= time.now);
      });

      test('is another’s within three heartbeats of its last one, a generation up', async () => {
        const options = { intervalMs: FAST_MS };
        const [a, b] = [await pod('a', options), await pod('b', options)];
        const { time } = await a.beat();
        await b.beat();
        const { lease, time: later } = await heard(b, (answer) => answer.lease !== undefined);
        assert.equal(lease?.generation, 2);
        const silent = later.now - (lease?.beats.get('a')?.at ?? 0);
        assert.ok(silent > 2 * FAST_MS, `taken after ${silent} ms`);
        // Unless this machine slept meanwhile: b beats twice per heartbeat.
        if (later.since === time.since) assert.ok(silent < 3 * FAST_MS + 200, `${silent} ms`);
        assert.equal(await a.lease(), undefined);
      });

      test('is not lost by silence in which nobody was heard', async () => {
        const options = { intervalMs: FAST_MS };
        const [a, b] = [await pod('a', options), await pod('b', options)];
        await a.beat();
        await b.beat();
        await world.pass(5 * FAST_MS);
        const { holder, time } = await b.beat();
        assert.equal(holder, 'a');
        assert.equal(time.since, time.now);
      });

      test('is free at once when the holder leaves or does not want it', async () => {
        const [a, b] = [await pod('a'), await pod('b')];
        await a.beat();
        await a.board.leave('a');
        assert.equal(await b.lease(), 2);
        assert.equal((await b.beat({ mayWrite: false })).holder, undefined);
        assert.equal(await a.lease(), 3);
      });

      test('is above every generation that anybody reported', async () => {
        const [a, b] = [await pod('a'), await pod('b')];
        a.ring = stamp(version(41, 3));
        assert.equal(await a.lease(), 42);
        b.ring = stamp(version(57, 1));
        assert.equal(await b.lease(), 58);
        assert.equal(await a.lease(), undefined);
      });

      test('ends when a ring turns up that was written in its generation', async () => {
        const [a, b] = [await pod('a'), await pod('b')];
        assert.equal(await a.lease(), 1);
        const mine = stamp(version(1, 1), 'mine');
        assert.equal(await a.write(mine, 1, undefined), 'stored');
        b.ring = mine;
        assert.equal((await b.beat()).holder, 'a');
        b.ring = stamp(version(1, 1), 'other');
        assert.equal(await b.lease(), 2);
      });
    });

    describe('new rings', () => {
      test('are taken from the holder of the lease, over the ring that is there', async () => {
        const a = await pod('a');
        await a.beat();
        const first = stamp(version(1, 1), 'first');
        assert.equal(await a.write(first, 1, undefined), 'stored');
        const second = stamp(version(1, 2), 'second');
        assert.equal(await a.write(second, 1, first), 'stored');
        const { ring } = await a.beat();
        assert.deepEqual(ring, { ...second, document: 'of second' });
        // Its answer was lost: it tries again.
        assert.equal(await a.write(second, 1, first), 'stored');
      });

      test('of a writer that was frozen are refused once another has the lease', async () => {
        const [a, b] = [
          await pod('a', { intervalMs: FAST_MS }),
          await pod('b', { intervalMs: FAST_MS }),
        ];
        await a.beat();
        const first = stamp(version(1, 1), 'first');
        await a.write(first, 1, undefined);
        await heard(b, ({ holder }) => holder === 'b');
        // The board's ring is still the one that it knows: only the lease tells.
        assert.equal(await a.write(stamp(version(1, 2)), 1, first), 'fenced');
        const next = stamp(version(2, 1), 'next');
        assert.equal(await b.write(next, 2, first), 'stored');
        assert.equal(await a.write(stamp(version(3, 1)), 2, next), 'fenced');
        assert.equal((await b.beat()).ring?.digest, 'next');
      });

      test('of two processes with one name never become two rings of one version', async () => {
        const a = await pod('a');
        await a.beat();
        const written = await Promise.all([
          a.write(stamp(version(1, 1), 'one'), 1, undefined),
          a.write(stamp(version(1, 1), 'two'), 1, undefined),
        ]);
        assert.deepEqual(written, ['stored', 'fenced']);
      });
    });

    describe('the ring', () => {
      test('is the newest that was offered; of one version, of the higher digest', async () => {
        const { board } = await pod('a');
        const offer = (at: RingVersion, digest: string) => board.offer(passing(stamp(at, digest)));
        assert.equal(await offer(version(2, 1), 'b'), 'stored');
        assert.equal(await offer(version(2, 1), 'b'), 'stored');
        assert.equal(await offer(version(1, 9), 'c'), 'older');
        assert.equal(await offer(version(2, 1), 'a'), 'older');
        assert.equal(await offer(version(2, 1), 'c'), 'stored');
        assert.equal(await offer(version(2, 10), 'a'), 'stored');
        assert.equal(await offer(version(2, 9), 'd'), 'older');
      });

      test('is sent to who has an older one or none, and to nobody else', async () => {
        const [a, b] = [await pod('a'), await pod('b')];
        assert.equal((await a.beat()).ring, undefined);
        const ring = stamp(version(2, 1), 'b');
        await a.board.offer(passing(ring, 'the document, € and all'));
        const told = async (mine: RingStamp | undefined, refused?: string) => {
          b.ring = mine;
          return (await b.beat({ refused })).ring;
        };
        const full = { ...ring, document: 'the document, € and all' };
        const bare = { ...ring, document: undefined };
        assert.deepEqual(await told(undefined), full);
        assert.deepEqual(await told(stamp(version(1, 7))), full);
        assert.deepEqual(await told(stamp(version(2, 1), 'a')), full);
        assert.deepEqual(await told(ring), bare);
        assert.deepEqual(await told(stamp(version(2, 1), 'c')), bare);
        assert.deepEqual(await told(stamp(version(2, 2))), bare);
        assert.deepEqual(await told(undefined, 'b'), bare);
      });

      test('of another cluster is nowhere to be seen, nor are its pods', async () => {
        const [a, b] = [await pod('a'), await pod('b', { cluster: 'other' })];
        await a.beat();
        await a.board.offer(passing(stamp(version(9, 1))));
        const answer = await b.beat();
        assert.equal(answer.ring, undefined);
        assert.equal(answer.lease?.generation, 1);
        assert.deepEqual([...(await b.board.pods()).beats.keys()], ['b']);
      });
    });

    describe('a store that forgot', () => {
      test('everything is told by the next beats, and the next lease is above', async () => {
        const [a, b] = [await pod('a'), await pod('b')];
        await a.beat();
        const ring = stamp(version(1, 1), 'ring');
        await a.write(ring, 1, undefined);
        a.ring = b.ring = ring;
        await world.flush();
        const { ring: theirs, lease } = await b.beat();
        assert.deepEqual([theirs, lease?.generation], [undefined, 2]);
        assert.equal(await b.board.offer(passing(ring)), 'stored');
        assert.deepEqual((await a.beat()).ring, { ...ring, document: undefined });
      });

      test('what came after a backup ends the lease of the backup', async () => {
        const [a, b] = [await pod('a'), await pod('b')];
        await a.beat();
        await a.write(stamp(version(1, 1), 'old'), 1, undefined);
        const restore = await world.backup();
        await a.write(stamp(version(1, 2), 'new'), 1, stamp(version(1, 1), 'old'));
        b.ring = stamp(version(1, 2), 'new');
        await restore();
        const answer = await b.beat();
        assert.deepEqual(answer.ring?.version, version(1, 1));
        assert.equal(answer.ring?.document, undefined);
        assert.equal(answer.lease?.generation, 2);
        // What the old holder still means to write cannot be told from what was lost.
        assert.equal(
          await a.write(stamp(version(1, 2), 'x'), 1, stamp(version(1, 1), 'old')),
          'fenced',
        );
        assert.equal(await b.board.offer(passing(stamp(version(1, 2), 'new'))), 'stored');
      });
    });

    describe('pods', () => {
      test('are told of the facts of all, and again only after a change', async () => {
        const [a, b] = [await pod('a'), await pod('b')];
        assert.deepEqual((await a.beat()).facts.all, new Map([['a', factsOf('a')]]));
        assert.equal((await a.beat()).facts.all, undefined);
        assert.equal((await b.beat()).facts.all?.size, 2);
        assert.deepEqual((await a.beat()).facts.all?.get('b'), factsOf('b'));
        const heavier = { ...factsOf('b'), weight: 5 };
        assert.deepEqual((await b.beat({ facts: heavier })).facts.all?.get('b'), heavier);
        assert.equal((await b.beat({ facts: heavier })).facts.all, undefined);
        assert.deepEqual((await a.beat()).facts.all?.get('b'), heavier);
        const restarted = { ...heavier, key: 'another key' };
        assert.deepEqual((await b.beat({ facts: restarted })).facts.all?.get('b'), restarted);
        assert.deepEqual((await a.beat()).facts.all?.get('b'), restarted);
        await b.board.leave('b');
        assert.deepEqual([...((await a.beat()).facts.all?.keys() ?? [])], ['a']);
        assert.equal((await a.beat()).facts.all, undefined);
      });

      test('are listed for whoever asks', async () => {
        const [a, b] = [await pod('a'), await pod('b')];
        await a.beat();
        await b.beat({ leaving: true });
        const { beats, facts, time } = await a.board.pods();
        assert.deepEqual([...facts.keys()].sort(), ['a', 'b']);
        assert.deepEqual([beats.get('a')?.state, beats.get('b')?.state], ['here', 'leaving']);
        assert.ok(time.now >= (beats.get('b')?.at ?? Number.POSITIVE_INFINITY));
      });

      const falls = async (each: TestPod) => {
        const beat = (await each.board.pods()).beats.get(each.name);
        return beat?.falls;
      };

      test('fall when they were gone, left, or changed their mind about leaving', async () => {
        const [a, b] = [await pod('a', { intervalMs: FAST_MS }), await pod('b')];
        await a.beat();
        await b.beat();
        assert.equal(await falls(a), 0);
        const gone = async () => {
          const { beats, time } = await b.board.pods();
          return silenceOf(beats.get('a'), time) > GONE_HEARTBEATS * FAST_MS;
        };
        for (let steps = 0; !(await gone()); steps += 1) {
          assert.ok(steps < STEPS_MAX);
          await world.pass(FAST_MS / 2);
          await b.beat({ intervalMs: FAST_MS });
        }
        const before = (await b.board.pods()).time.now;
        await a.beat();
        assert.equal(await falls(a), 1);
        assert.ok(((await b.board.pods()).beats.get('a')?.upSince ?? 0) >= before);
        await a.board.leave('a');
        await a.beat();
        assert.equal(await falls(a), 2);
        await a.beat({ leaving: true });
        assert.equal(await falls(a), 2);
        await a.beat();
        assert.equal(await falls(a), 3);
        for (let times = 0; times < 10; times += 1) {
          await a.board.leave('a');
          await a.beat();
        }
        assert.equal(await falls(a), 8);
      });

      test('are forgiven after a long life, and forgotten after a long silence', async () => {
        const [a, b] = [await pod('a', { intervalMs: 10_000 }), await pod('b')];
        await b.beat();
        await a.beat();
        await a.board.leave('a');
        await a.beat();
        for (let passed = 0; passed <= 600; passed += 100) {
          await world.pass(100);
          await a.beat();
        }
        assert.equal(await falls(a), 1);
        // By beats this short that was a long life, and what follows is a long silence.
        await a.beat({ intervalMs: 1 });
        assert.equal(await falls(a), 0);
        await world.pass(1_100);
        await (await pod('c')).beat();
        const { beats, facts } = await b.board.pods();
        assert.deepEqual([...beats.keys()].sort(), ['b', 'c']);
        assert.deepEqual([...facts.keys()].sort(), ['b', 'c']);
        assert.equal((await b.beat()).facts.all?.has('a'), false);
      });
    });
  });
}
