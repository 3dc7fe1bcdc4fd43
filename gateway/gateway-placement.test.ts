import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { firstRing, type Member, nextRing, ownerOf, type Ring } from '../protocol/ring.ts';
import { encodeRing } from '../protocol/ring-document.ts';
import { ManualClock } from '../protocol/testing/manual-clock.ts';
import { GatewayPlacement } from './gateway-placement.ts';
import { silentLogger } from './logger.ts';
import type { PodBeat, PodFacts, PodsOnBoard } from './ring/pod-board.ts';
import { HANDOVER_MS, RingKeeper } from './ring/ring-keeper.ts';
import { tallying } from './ring/testing/fleet.ts';
import { gatewaySettings } from './settings/declaration.ts';

const BUDGET = 200;
const HEARTBEAT_MS = 1_000;
const TEMPLATE = 'wss://{pod}.example.com/ws';

const membersOf = (ids: string): Member[] =>
  [...ids].map((id) => ({ id, weight: 1, zone: '', address: `${id}:8001` }));
const start = (ids: string, generation = 1) =>
  firstRing({ cluster: 'chat', version: { generation, counter: 1 } }, membersOf(ids));
const after = (ring: Ring, ids: string) => {
  const { generation, counter } = ring.version;
  return nextRing(ring, membersOf(ids), { generation, counter: counter + 1 });
};
const shardOfPod = (ring: Ring, pod: string) =>
  ring.members.length === 0
    ? -1
    : ([...ring.owners.keys()].find((shard) => ownerOf(ring, shard).id === pod) ?? -1);

/** One gateway's view; what the board says can be set. */
class View {
  readonly clock = new ManualClock();
  readonly keeper: RingKeeper;
  readonly placement: GatewayPlacement;
  roundTripMs: number | undefined = 1;
  looks = 0;
  readonly beats = new Map<string, PodBeat>();
  readonly unknown = new Set<string>();
  reached = true;

  constructor(pod: string, placement: object = { podEndpoint: TEMPLATE }) {
    const { clock } = this;
    const { tally: _, ...counts } = tallying();
    this.keeper = new RingKeeper({ clock, counts, logger: silentLogger, cluster: 'chat' });
    const view = this;
    this.placement = new GatewayPlacement({
      ...{ pod, clock, movesPerSecond: BUDGET, heartbeatMs: HEARTBEAT_MS },
      settings: gatewaySettings.parse({ placement }).placement,
      source: {
        keeper: this.keeper,
        get roundTripMs() {
          return view.roundTripMs;
        },
        factsOf: (id) => (view.unknown.has(id) ? undefined : facts),
        pods: () => view.#pods(),
      },
    });
  }

  async #pods(): Promise<PodsOnBoard> {
    this.looks += 1;
    if (!this.reached) throw new Error('not reached');
    const time = { now: 1_000_000, since: 0 };
    return { time, beats: new Map(this.beats), facts: new Map() };
  }

  take(...rings: readonly Ring[]): this {
    for (const ring of rings) this.keeper.accept(encodeRing(ring));
    return this;
  }

  /** The share once the board's answer is there. */
  async share(): Promise<number> {
    this.placement.share();
    await this.clock.advance(HEARTBEAT_MS);
    this.placement.share();
    await this.clock.advance(0);
    return this.placement.share();
  }

  busy(pod: string, utilisation: number): this {
    return this.beat(pod, { load: { connections: 1, utilisation } });
  }

  beat(pod: string, over: Partial<PodBeat>): this {
    const steady = { at: 1_000_000, intervalMs: HEARTBEAT_MS, upSince: 0, falls: 0 } as const;
    const load = { connections: 1, utilisation: 0 };
    this.beats.set(pod, { ...steady, state: 'here', load, ...over });
    return this;
  }
}

const facts: PodFacts = { weight: 1, zone: '', address: 'x:1', key: '' };
const near = (actual: number, expected: number) =>
  assert.ok(Math.abs(actual - expected) < 1e-6, `${actual} instead of ${expected}`);

describe('where clients belong', () => {
  it('is here while there is no ring, and for whoever is not in it', () => {
    const view = new View('a');
    assert.deepEqual([view.placement.isHere(1), view.placement.elsewhere(1)], [true, undefined]);
    assert.equal(view.placement.version, 0);
    assert.deepEqual([view.placement.ring, view.placement.hasPlace], [undefined, true]);
    view.take(start('bc'));
    assert.deepEqual(view.placement.ring, { generation: 1, counter: 1 });
    assert.equal(view.placement.hasPlace, false);
    assert.equal(view.placement.isHere(1), true, 'who owns nothing makes nobody’s name fit');
    assert.equal(view.placement.version, 1);
  });

  it('is with the owner of the shard, at its own address', () => {
    const ring = start('ab');
    const { placement } = new View('a').take(ring);
    const [mine, its] = [shardOfPod(ring, 'a'), shardOfPod(ring, 'b')];
    assert.deepEqual([placement.isHere(mine), placement.elsewhere(mine)], [true, undefined]);
    assert.equal(placement.isHere(its), false);
    assert.deepEqual(placement.elsewhere(its), { pod: 'b', to: 'wss://b.example.com/ws' });
    const inside = new View('a', { podEndpoint: 'address' }).take(ring).placement;
    assert.equal(inside.elsewhere(its)?.to, 'ws://b:8001/ws');
  });

  it('is where they are in mode Any, and where no gateway can be addressed', () => {
    const ring = start('ab');
    const its = shardOfPod(ring, 'b');
    for (const settings of [{ mode: 'Any', podEndpoint: TEMPLATE }, {}, { podEndpoint: 'none' }]) {
      const { placement } = new View('a', settings).take(ring);
      assert.deepEqual([placement.isHere(its), placement.elsewhere(its)], [true, undefined]);
    }
  });

  it('is here when the owner is gone, leaves, is silent, or nobody heard of it', async () => {
    const ring = start('ab');
    const its = shardOfPod(ring, 'b');
    const target = async (view: View) => {
      await view.take(ring).share();
      return view.placement.elsewhere(its)?.pod;
    };
    assert.equal(await target(new View('a').beat('b', {})), 'b');
    assert.equal(await target(new View('a').beat('b', { state: 'leaving' })), undefined);
    assert.equal(await target(new View('a').beat('b', { state: 'left' })), undefined);
    assert.equal(await target(new View('a').beat('b', { at: 996_000 })), undefined);
    const unheard = new View('a');
    unheard.unknown.add('b');
    assert.equal(await target(unheard), undefined);
    // A board that cannot be asked says nothing against it.
    const cut = new View('a').beat('b', { state: 'left' });
    cut.reached = false;
    assert.equal(await target(cut), 'b');
  });

  it('is with an owner again that is back, whatever the board said before it left', async () => {
    const ring = start('ab');
    const its = shardOfPod(ring, 'b');
    const view = new View('a').beat('b', { state: 'leaving' });
    await view.take(ring).share();
    assert.equal(view.placement.elsewhere(its), undefined);
    view.beat('b', {});
    await view.clock.advance(HEARTBEAT_MS);
    assert.equal(view.placement.elsewhere(its), undefined, 'the board is asked now');
    await view.clock.advance(0);
    assert.equal(view.placement.elsewhere(its)?.pod, 'b');
  });

  it('is with any other that is there, not all the same, for who cannot stay', () => {
    const ring = start('abc');
    const view = new View('a').take(ring);
    const refuges = (of: View) => {
      const shards = [...ring.owners.keys()].filter((at) => ownerOf(ring, at).id === 'a');
      const pods = shards.map((at) => of.placement.refuge(at)?.pod);
      return [...new Set(pods)].sort().join();
    };
    assert.equal(refuges(view), 'b,c');
    const its = shardOfPod(ring, 'c');
    assert.equal(view.placement.refuge(its)?.pod, 'c', 'the owner where that is another');
    view.unknown.add('b');
    assert.equal(refuges(view), 'c');
    view.unknown.add('c');
    assert.equal(refuges(view), 'b,c', 'nobody is known to be there, and it cannot stay');
    assert.equal(new View('a', { mode: 'Any' }).take(ring).placement.refuge(its), undefined);
  });

  it('is known to be nowhere else only when the ring has this gateway alone', () => {
    const view = new View('a');
    assert.equal(view.placement.alone, false, 'nobody knows');
    assert.equal(view.take(start('a')).placement.alone, true);
    assert.equal(view.take(start('ab', 2)).placement.alone, false);
  });
});

describe('the share of a gateway', () => {
  it('is all of the budget without a ring, and for the last one', async () => {
    assert.equal(await new View('a').share(), BUDGET);
    assert.equal(await new View('a').take(start('a')).share(), BUDGET);
  });

  it('is equal while nothing is handed over, and none for who is in no ring', async () => {
    assert.equal(await new View('a').take(start('abcd')).share(), BUDGET / 4);
    assert.equal(await new View('z').take(start('abcd')).share(), 0);
  });

  it('follows what each hands over; together they never exceed the budget', async () => {
    const ring = start('abcd');
    const rings = [ring, after(ring, 'bcde')];
    const shares = new Map<string, number>();
    for (const pod of 'abcdez') shares.set(pod, await new View(pod).take(...rings).share());
    const sum = [...shares.values()].reduce((all, share) => all + share, 0);
    near(sum, BUDGET);
    // Only the one that left has something: what arrives at the wrong one is a tenth.
    near(shares.get('a') ?? 0, 0.9 * BUDGET);
    for (const pod of 'bcde') near(shares.get(pod) ?? 0, (0.1 * BUDGET) / 4);
    assert.equal(shares.get('z'), 0);
  });

  it('adds up to no more with that of one which does not know of all handovers', async () => {
    const ring = start('abcd');
    const rings = [ring, after(ring, 'abcde')];
    rings.push(after(rings[1] as Ring, 'abce'));
    // It was started again, and has seen the last change alone.
    const newcomer = () => new View('d').take(...rings.slice(1));
    const others = [...'abce'].map((pod) => new View(pod).take(...rings));
    const shares = await Promise.all(others.map((view) => view.share()));
    const total = shares.reduce((all, share) => all + share, 0);
    assert.ok(total + (await newcomer().share()) > BUDGET, 'if nobody told it');
    const { handovers } = (others[0] as View).placement;
    const load = { connections: 1, utilisation: 0, handovers };
    const told = newcomer().beat('b', { load }).beat('c', {});
    assert.ok(told.placement.handovers < handovers);
    const share = await told.share();
    assert.ok(share > 0 && total + share <= BUDGET + 1e-6, `${total} and ${share}`);
    // Who cannot be heard any more holds nobody up.
    for (const gone of [{ at: 996_000 }, { state: 'left' } as const]) {
      const alone = newcomer().beat('b', { load, ...gone });
      assert.equal(await alone.share(), await newcomer().share());
    }
  });

  it('is for arrivals alone until the board has said what others have to hand over', async () => {
    const ring = start('abcd');
    const view = new View('a').take(ring);
    const cut = new View('b').take(ring);
    cut.reached = false;
    near(cut.placement.share(), (0.1 * BUDGET) / 4);
    near(await cut.share(), (0.1 * BUDGET) / 4);
    await cut.clock.advance(HANDOVER_MS);
    near(await cut.share(), BUDGET / 4);
    near(view.placement.share(), (0.1 * BUDGET) / 4);
    near(await view.share(), BUDGET / 4);
  });

  it('is that of all shards in proportion after a scale-up', async () => {
    const ring = start('abc');
    const rings = [ring, after(ring, 'abcd')];
    for (const pod of 'abc') {
      const share = await new View(pod).take(...rings).share();
      assert.ok(Math.abs(share - (0.3 * BUDGET + 5)) < 0.1, `${pod}: ${share}`);
    }
  });

  it('falls when the receivers are busy or the store is slow, never to nothing', async () => {
    const view = () => new View('a').take(start('abc'));
    const full = BUDGET / 3;
    near(await view().busy('a', 1).busy('b', 0.2).busy('c', 0.9).share(), full);
    near(await view().busy('b', 0.8).busy('c', 0.85).share(), full * 0.5);
    near(await view().busy('b', 1).busy('c', 1).share(), full * 0.1);
    const slow = async (ms: number | undefined) => {
      const it = view();
      it.roundTripMs = ms;
      return it.share();
    };
    near(await slow(50), full);
    near(await slow(275), full * 0.5);
    near(await slow(5_000), full * 0.1);
    near(await slow(undefined), full * 0.1);
  });

  it('falls with those who get what it hands over, not with those who are relieved', async () => {
    const ring = start('abc');
    const rings = [ring, after(ring, 'abcd')];
    const full = await new View('a').take(...rings).share();
    const relieved = new View('a')
      .take(...rings)
      .busy('b', 1)
      .busy('c', 1)
      .busy('d', 0.1);
    near(await relieved.share(), full);
    const crowded = new View('a')
      .take(...rings)
      .busy('b', 0)
      .busy('c', 0)
      .busy('d', 1);
    near(await crowded.share(), full * 0.1);
  });

  it('looks at the board only when it is asked, and once in a heartbeat', async () => {
    const view = new View('a').take(start('ab'));
    await view.clock.advance(10 * HEARTBEAT_MS);
    assert.equal(view.looks, 0);
    for (let step = 0; step < 50; step += 1) {
      view.placement.share();
      await view.clock.advance(HEARTBEAT_MS / 10);
    }
    assert.equal(view.looks, 5);
  });
});
