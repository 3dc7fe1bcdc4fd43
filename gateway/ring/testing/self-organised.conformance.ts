import assert from 'node:assert/strict';
import { after, afterEach, beforeEach, describe, test } from 'node:test';
import {
  compareVersions,
  firstRing,
  type Ring,
  type RingVersion,
  SHARDS,
} from '../../../protocol/ring.ts';
import type { Offer, OfferOutcome, PodBoard } from '../pod-board.ts';
import type { BoardStore, BoardWorld } from './board-world.ts';
import { agree, documentOf, RingPod } from './fleet.ts';

const INTERVAL_MS = 200;

/** What pods over one board decide among themselves, whatever the board is. */
export function selfOrganisedConformance(name: string, open: () => Promise<BoardStore>): void {
  describe(`pods over a ${name}`, () => {
    let store: BoardStore | undefined;
    let world: BoardWorld;
    let pods: RingPod[] = [];

    beforeEach(async () => {
      store ??= await open();
      world = await store.world();
    });
    afterEach(async () => {
      for (const pod of pods) assert.equal(pod.regressed, false, `${pod.name} went back`);
      const stopped = Promise.all(pods.map(({ source }) => source.stop()));
      await world.pass(1);
      await stopped;
      pods = [];
      await world.close();
    });
    after(() => store?.close());

    function start(id: string, board: PodBoard = world.board(id)): RingPod {
      const pod = new RingPod({ name: id, board, clock: world.clock, intervalMs: INTERVAL_MS });
      pods.push(pod);
      return pod;
    }

    /** Starts them one after the other, so that the first is the writer. */
    async function started(...ids: string[]): Promise<RingPod[]> {
      const all: RingPod[] = [];
      for (const id of ids) {
        all.push(start(id));
        await world.until(`a ring of ${ids}`, () => all[0]?.keeper.current !== undefined);
      }
      await world.until(`a ring of ${ids}`, () => agree(all, ids));
      return all;
    }

    /** It is not heard of any more, as if its process had been killed. */
    async function kill(pod: RingPod, board: CutBoard): Promise<void> {
      board.dead = true;
      pods = pods.filter((each) => each !== pod);
      await pod.source.stop();
    }

    test('agree on a ring; who comes gets its share, who goes loses it', async () => {
      const [a, b, c] = (await started('a', 'b', 'c')) as [RingPod, RingPod, RingPod];
      for (const { owned } of [a, b, c]) assert.ok(Math.abs(owned - SHARDS / 3) < 1);
      const d = start('d');
      await world.until('d to own its share', () => agree([a, b, c, d], ['a', 'b', 'c', 'd']));
      assert.equal(d.owned, SHARDS / 4);
      await b.source.stop();
      await world.until('b to be out', () => agree([a, c, d], ['a', 'c', 'd']));
    });

    test('go on without a writer that dies, in a higher generation', async () => {
      const board = new CutBoard(world.board('a'));
      const a = start('a', board);
      await world.until('a ring', () => a.keeper.current !== undefined);
      const [b, c] = [start('b'), start('c')];
      await world.until('all in', () => agree([a, b, c], ['a', 'b', 'c']));
      const generation = a.keeper.current?.version.generation ?? 0;
      await kill(a, board);
      await world.until('a to be out', () => agree([b, c], ['b', 'c']));
      assert.ok((b.keeper.current?.version.generation ?? 0) > generation);
      assert.equal(b.source.writer, c.source.writer);
    });

    for (const how of ['before', 'after'] as const) {
      test(`find either nothing or a ring when a writer dies just ${how} its offer`, async () => {
        const board = new CutBoard(world.board('a'));
        const a = start('a', board);
        await world.until('a ring', () => a.keeper.current !== undefined);
        const b = start('b');
        await world.until('both in', () => agree([a, b], ['a', 'b']));
        const written = b.keeper.current?.version as RingVersion;
        board.dieAtOffer = how;
        const c = start('c');
        await world.until('a to die', () => board.dead);
        await kill(a, board);
        assert.deepEqual(a.keeper.current?.version, written);
        await world.until('a to be out', () => agree([b, c], ['b', 'c']));
        const offered = { ...written, counter: written.counter + 1 };
        const taken = b.rings.some(({ version }) => compareVersions(version, offered) === 0);
        assert.equal(taken, how === 'after');
        const counters = b.rings.map(({ version }) => `${version.generation}.${version.counter}`);
        assert.equal(new Set(counters).size, counters.length, 'no version twice');
        assert.equal(b.tally.conflicts + c.tally.conflicts, 0);
      });
    }

    test('that leave own nothing, and the last one keeps the ring', async () => {
      const [a, b] = (await started('a', 'b')) as [RingPod, RingPod];
      a.source.leave();
      await world.until('a to own nothing', () => agree([a, b], ['b']));
      b.source.leave();
      await world.pass(4 * INTERVAL_MS);
      assert.ok(agree([a, b], ['b']));
      await a.source.stop();
      await world.pass(4 * INTERVAL_MS);
      assert.equal(b.owned, SHARDS);
    });

    test('bring their ring back when the store forgets everything', async () => {
      const [a, b, c] = (await started('a', 'b', 'c')) as [RingPod, RingPod, RingPod];
      const had = a.rings.length;
      await world.flush();
      const d = start('d');
      await world.until('d to be in', () => agree([a, b, c, d], ['a', 'b', 'c', 'd']));
      // Nobody was taken out because the board did not know of him yet.
      for (const { members } of a.rings.slice(had)) assert.ok(members.length >= 3);
    });

    test('go on from the newest ring when an older backup is restored', async () => {
      const [a, b] = (await started('a', 'b')) as [RingPod, RingPod];
      const restore = await world.backup();
      const c = start('c');
      await world.until('c to be in', () => agree([a, b, c], ['a', 'b', 'c']));
      await restore();
      const d = start('d');
      await world.until('d to be in', () => agree([a, b, c, d], ['a', 'b', 'c', 'd']));
      const at = a.rings.findIndex(({ members }) => members.length === 3);
      for (const { members } of a.rings.slice(at)) assert.ok(members.length >= 3);
    });

    test('with two rings of one version take that of the higher digest, and say so', async () => {
      const [a, b, c] = ['a', 'b', 'c'].map((id) => start(id)) as [RingPod, RingPod, RingPod];
      const version = { generation: 70, counter: 1 };
      const all = ['a', 'b', 'c'].map((id) => ({ id, weight: 1, zone: '', address: `${id}:8001` }));
      const ringOf = (moved: number): Ring => {
        const ring = firstRing({ cluster: 'chat', version }, all);
        return { ...ring, owners: ring.owners.map((owner, at) => (at === moved ? 0 : owner)) };
      };
      // As two writers make them that cannot see each other.
      const shard = firstRing({ cluster: 'chat', version }, all).owners.indexOf(1);
      const rivals = [documentOf(ringOf(-1)), documentOf(ringOf(shard))];
      rivals.sort((one, other) => (one.digest < other.digest ? -1 : 1));
      const [lower, higher] = rivals.map(({ document }) => document) as [string, string];
      a.keeper.accept(lower);
      b.keeper.accept(higher);
      await world.until('one ring', () =>
        [a, b, c].every(({ keeper }) => keeper.current?.document === higher),
      );
      assert.ok(a.tally.conflicts >= 1, 'the one that changed');
    });

    test('of different clusters have nothing to do with each other', async () => {
      const a = start('a');
      const clock = world.clock;
      const board = world.board('b', 'other');
      const b = new RingPod({ name: 'b', board, clock, intervalMs: INTERVAL_MS, cluster: 'other' });
      pods.push(b);
      await world.until('two rings', () => agree([a], ['a']) && agree([b], ['b']));
      assert.equal(b.keeper.accept(a.keeper.current?.document ?? '').outcome, 'refused');
      assert.equal(b.tally.documents.get('other_cluster'), 1);
      assert.deepEqual(b.members, ['b']);
    });

    test('write over a ring on the board that nobody can read', async () => {
      const [a, b] = (await started('a', 'b')) as [RingPod, RingPod];
      const version = { generation: 500, counter: 3 };
      const planter = world.board('x');
      await new Promise<void>((up) => planter.open(up));
      await planter.offer({ ring: { version, digest: 'f'.repeat(64) }, document: 'rubbish' });
      await world.until('a ring above it', () =>
        [a, b].every(({ keeper }) => (keeper.current?.version.generation ?? 0) > 500),
      );
      assert.ok(agree([a, b], ['a', 'b']));
      // Whoever has the lease may be done with it before the other one looks.
      const refusals = [a, b].map(({ tally }) => tally.documents.get('undecodable') ?? 0);
      assert.ok(refusals.includes(1) && Math.max(...refusals) === 1, String(refusals));
    });
  });
}

/** The board of a pod that can be killed: nothing of it reaches the board any more. */
class CutBoard implements PodBoard {
  readonly #board: PodBoard;
  dead = false;
  dieAtOffer: 'before' | 'after' | undefined;

  constructor(board: PodBoard) {
    this.#board = board;
  }

  open(up: () => void): void {
    this.#board.open(up);
  }

  async offer(offer: Offer): Promise<OfferOutcome> {
    if (this.dieAtOffer !== undefined && offer.written !== undefined) {
      this.dead = true;
      if (this.dieAtOffer === 'after') await this.#board.offer(offer);
    }
    return this.#alive() && this.#board.offer(offer);
  }

  async beat(...args: Parameters<PodBoard['beat']>) {
    return this.#alive() && this.#board.beat(...args);
  }

  async pods() {
    return this.#alive() && this.#board.pods();
  }

  async leave(pod: string): Promise<void> {
    if (this.#alive()) await this.#board.leave(pod);
  }

  close(): void {
    this.#board.close();
  }

  #alive(): true {
    if (this.dead) throw new Error('this pod is dead');
    return true;
  }
}
