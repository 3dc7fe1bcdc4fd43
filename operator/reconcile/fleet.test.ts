import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Random } from '../../protocol/clock.ts';
import { type Ring, SHARDS } from '../../protocol/ring.ts';
import { seeded } from '../../protocol/testing/chance.ts';
import { isMoving } from './fleet.ts';
import { membersOf } from './members.ts';
import { ringToBe } from './ring.ts';
import { ModelFleet } from './testing/model-fleet.ts';

const STEPS = 200;

function running(replicas = 3, spec: ConstructorParameters<typeof ModelFleet>[0]['spec'] = {}) {
  const fleet = new ModelFleet({ random: seeded(7), spec });
  fleet.want({ replicas });
  assert.ok(fleet.settles(STEPS));
  for (let n = 0; n < 10; n += 1) fleet.step();
  assert.equal(fleet.available, replicas);
  fleet.want({ stable: 'r1' });
  return fleet;
}

/** The rings that follow from what a fleet goes through. */
class Rings {
  readonly #fleet: ModelFleet;
  #held: { readonly document: string; readonly ring: Ring } | undefined;
  /** How often each shard got another owner. */
  readonly changes = new Uint32Array(SHARDS);
  versions = 0;

  constructor(fleet: ModelFleet) {
    this.#fleet = fleet;
  }

  owners(): string[] {
    const { owners = [], members = [] } = this.#held?.ring ?? {};
    return [...owners].map((place) => members[place]?.id ?? '');
  }

  look(newcomers: ReadonlySet<string>): void {
    const before = this.owners();
    const known = new Set(before);
    const members = membersOf(this.#fleet.marked, { known, newcomers, wallMs: this.#fleet.now });
    const held = this.#held?.document;
    const decided = ringToBe({ cluster: 'c', held, reported: [], members });
    if (decided.kind !== 'written') return;
    this.#held = decided;
    this.versions += 1;
    for (const [shard, owner] of this.owners().entries()) {
      if (before.length > 0 && owner !== before[shard])
        this.changes[shard] = (this.changes[shard] ?? 0) + 1;
    }
  }
}

/** Each step until it is settled; throws when it never is. */
function* until(fleet: ModelFleet) {
  for (let n = 0; n < STEPS; n += 1) {
    yield fleet.step();
    if (fleet.isSettled) return;
  }
  assert.fail('it never settles');
}

describe('a scale-down', () => {
  it('empties those with the fewest clients, and removes no other', () => {
    const fleet = running(5, { spread: [] });
    for (const [n, pod] of fleet.pods.entries()) {
      Object.assign(pod, { connections: 1_000 * (n + 1), zone: '' });
    }
    const few = fleet.pods.slice(0, 2).map(({ name }) => name);
    const many = fleet.pods.slice(2).map(({ name }) => name);
    fleet.want({ replicas: 3 });
    const { victims } = fleet.step();
    assert.deepEqual(
      victims.map(({ gateway, reason }) => [gateway.name, reason]),
      few.map((name) => [name, 'ScaleDown']),
    );
    for (const _ of until(fleet)) {
      assert.equal(fleet.available, 3);
      for (const pod of fleet.pods.filter(({ mark }) => mark !== undefined)) {
        const asked = fleet.replicas.get('r1') ?? 0;
        assert.ok(pod.drain === 'empty' || asked >= 4, 'nobody goes who has clients');
      }
    }
    assert.deepEqual(fleet.pods.map(({ name }) => name).sort(), many.sort());
  });

  it('takes first what is not ready, though it has no fewer clients', () => {
    const fleet = running(4);
    const [first] = fleet.pods;
    assert.ok(first !== undefined);
    Object.assign(first, { ready: false, connections: 0, readySince: fleet.now });
    fleet.broken.add('r1');
    fleet.want({ replicas: 3 });
    const { victims } = fleet.step();
    assert.deepEqual(
      victims.map(({ gateway }) => gateway.name),
      [first.name],
    );
  });

  it('leaves zones even, whoever has the fewest clients', () => {
    const fleet = running(6);
    const zones = ['a', 'a', 'a', 'a', 'b', 'c'];
    for (const [n, pod] of fleet.pods.entries()) {
      Object.assign(pod, { zone: zones[n], connections: 100 - n });
    }
    fleet.want({ replicas: 4 });
    const { victims } = fleet.step();
    assert.deepEqual(
      victims.map(({ gateway }) => gateway.zone),
      ['a', 'a'],
    );
  });

  it('empties no more at a time than the budget can before the deadline', () => {
    const disruption = { movesPerSecond: 10, drainDeadlineSeconds: 65, drainGraceSeconds: 5 };
    const fleet = running(6, { disruption });
    for (const pod of fleet.pods) pod.connections = 200;
    fleet.want({ replicas: 2 });
    assert.equal(fleet.step().victims.length, 2, '500 can be moved in 50 s');
    for (const pod of fleet.pods) pod.connections = 900;
    for (const pod of fleet.pods) if (pod.mark) Object.assign(pod, { drain: 'empty' });
    assert.equal(fleet.step().victims.length, 1, 'one at a time whatever it has');
  });

  it('is called off by demand, for those with most clients first', () => {
    const fleet = running(5);
    for (const [n, pod] of fleet.pods.entries()) pod.connections = 1_000 * (n + 1);
    const names = fleet.pods.map(({ name }) => name);
    fleet.want({ replicas: 2 });
    const { victims } = fleet.step();
    assert.equal(victims.length, 3);
    fleet.want({ replicas: 4 });
    const { recalled, replicas } = fleet.step();
    const told = victims.map(({ gateway }) => gateway.name).sort();
    assert.deepEqual(recalled.map(({ name }) => name).sort(), told.slice(1));
    assert.equal(replicas.get('r1'), 5, 'the one that is not called back is not empty yet');
    assert.ok(fleet.settles(STEPS));
    assert.deepEqual(fleet.pods.map(({ name }) => name).sort(), names.slice(1).sort());
  });

  it('to zero empties all of them', () => {
    const fleet = running(3);
    fleet.want({ replicas: 0 });
    assert.equal(fleet.step().victims.length, 3);
    assert.ok(fleet.settles(STEPS));
    assert.deepEqual(fleet.pods, []);
  });

  it('drops what quota does not let be made before anybody who serves', () => {
    const fleet = running(3);
    fleet.replicas.set('r1', 5);
    fleet.want({ replicas: 3 });
    const { victims, replicas } = fleet.step();
    assert.deepEqual(victims, []);
    assert.equal(replicas.get('r1'), 3);
  });
});

describe('a scale-up', () => {
  it('gives to all that come together in one ring, and waits for none for ever', () => {
    const fleet = running(3);
    const rings = new Rings(fleet);
    rings.look(fleet.step().newcomers);
    fleet.want({ replicas: 8 });
    for (const { newcomers } of until(fleet)) rings.look(newcomers);
    for (let n = 0; n < 10; n += 1) rings.look(fleet.step().newcomers);
    assert.equal(new Set(rings.owners()).size, 8);
    assert.deepEqual([...new Set(rings.changes)].sort(), [0, 1]);
    assert.equal(rings.versions, 2);
    fleet.broken.add('r1');
    fleet.want({ replicas: 10 });
    fleet.step();
    const [pod] = fleet.pods.filter(({ ready }) => !ready);
    Object.assign(pod ?? {}, { ready: true, readySince: fleet.now });
    for (let n = 0; n < 20; n += 1) rings.look(fleet.step().newcomers);
    assert.equal(new Set(rings.owners()).size, 9);
  });
});

describe('a gateway that somebody asks for', () => {
  const ask = (fleet: ModelFleet, places: readonly number[], requested = true) => {
    for (const place of places) Object.assign(fleet.pods[place] ?? {}, { requested });
  };

  it('is emptied and replaced, one after the other, and no other is', () => {
    const fleet = running(3);
    const others = fleet.pods.slice(2);
    const asked = fleet.pods.slice(0, 2);
    ask(fleet, [0, 1]);
    const { victims } = fleet.step();
    assert.deepEqual(
      victims.map(({ reason }) => reason),
      ['Requested'],
    );
    for (const _ of until(fleet)) assert.ok(fleet.available >= 2, `${fleet.available} are left`);
    assert.ok(asked.every((pod) => !fleet.pods.includes(pod)));
    assert.ok(others.every((pod) => fleet.pods.includes(pod)));
  });

  it('stays when it is not asked for any more', () => {
    const fleet = running(3);
    for (const pod of fleet.pods) pod.connections = 10_000;
    const [first] = fleet.pods;
    ask(fleet, [0]);
    fleet.step();
    assert.equal(first?.mark?.reason, 'Requested');
    ask(fleet, [0], false);
    assert.equal(fleet.step().recalled.length, 1);
    assert.ok(fleet.settles(STEPS));
    assert.ok(first !== undefined && fleet.pods.includes(first));
  });

  it('stays then, though it has fewer clients than the one that came in its place', () => {
    const fleet = running(3);
    const [first] = fleet.pods;
    assert.ok(first !== undefined);
    Object.assign(first, { connections: 0, sparedAt: fleet.now });
    fleet.want({ replicas: 2 });
    const { victims } = fleet.step();
    assert.ok(victims.every(({ gateway }) => gateway.name !== first.name));
    assert.equal(victims.length, 1);
  });

  it('stays then, though it is not ready yet and the one that came in its place is', () => {
    const fleet = running(4);
    const [first, , , last] = fleet.pods;
    assert.ok(first !== undefined && last !== undefined);
    Object.assign(first, { ready: false, sparedAt: fleet.now });
    fleet.want({ replicas: 3 });
    const called = () => fleet.step().victims.map(({ gateway }) => gateway.name);
    fleet.broken.add('r1');
    assert.deepEqual(called(), [], 'three are ready, as they are to be');
    fleet.now += 60_000;
    assert.deepEqual(called(), [first.name], 'it will not be');
  });

  it('is removed itself, and not one that waits for a node', () => {
    const fleet = running(3, { disruption: { maxUnavailable: 1 } });
    const [first] = fleet.pods;
    ask(fleet, [0]);
    while (fleet.pods.length < 4) fleet.step();
    const next = fleet.pods[3];
    assert.ok(first !== undefined && next !== undefined);
    for (let n = 0; n < 50; n += 1) {
      Object.assign(next, { pending: true, ready: false });
      fleet.step();
    }
    assert.deepEqual([first.drain, first.mark?.reason], ['empty', 'Requested']);
    assert.ok(fleet.pods.includes(first) && fleet.pods.includes(next));
    next.pending = false;
    assert.ok(fleet.settles(STEPS));
    assert.ok(!fleet.pods.includes(first) && fleet.pods.includes(next));
  });

  it('counts as one of those that go in a scale-down', () => {
    const fleet = running(4);
    const [first] = fleet.pods;
    assert.ok(first !== undefined);
    first.connections = 10_000;
    ask(fleet, [0]);
    fleet.want({ replicas: 3 });
    const { victims } = fleet.step();
    assert.deepEqual(
      victims.map(({ gateway }) => gateway.name),
      [first.name],
    );
  });
});

describe('a rollout', () => {
  it('replaces in waves: never fewer ready than wanted, never more than the surge', () => {
    for (const maxSurge of [1, 2, '50%', '100%'] as const) {
      const fleet = running(4, { rollout: { maxSurge } });
      fleet.want({ revision: 'r2', asked: 'r2' });
      const most = { 1: 5, 2: 6, '50%': 6, '100%': 8 }[maxSurge];
      for (const _ of until(fleet)) {
        assert.ok(fleet.available >= 4, `${fleet.available} are left`);
        assert.ok(fleet.pods.length <= most, `${fleet.pods.length} with a surge of ${maxSurge}`);
      }
      assert.equal(fleet.of('r2').length, 4);
    }
  });

  it('waits until new ones were ready for a while', () => {
    const fleet = running(3, { rollout: { minReadySeconds: 60 } });
    fleet.want({ revision: 'r2', asked: 'r2' });
    assert.equal(isMoving(fleet.step()), true);
    let first = 0;
    for (const { victims } of until(fleet)) {
      if (victims.length > 0 && first === 0) first = fleet.now;
      const [young] = fleet.of('r2');
      if (victims.length > 0 && young !== undefined) {
        assert.ok(fleet.now - young.readySince >= 60_000);
      }
    }
    assert.ok(first > 0);
  });

  it('gives each shard another owner once, of the new revision', () => {
    for (const maxSurge of [1, 2, '100%'] as const) {
      const fleet = running(4, { rollout: { maxSurge } });
      const rings = new Rings(fleet);
      rings.look(fleet.step().newcomers);
      fleet.want({ revision: 'r2', asked: 'r2' });
      for (const { newcomers } of until(fleet)) rings.look(newcomers);
      assert.deepEqual(new Set(rings.changes), new Set([1]));
      assert.ok(rings.owners().every((owner) => owner.startsWith('r2-')));
      assert.ok(rings.versions <= 6, `${rings.versions} rings`);
    }
  });

  it('of what never becomes ready takes nobody away', () => {
    const fleet = running(3);
    const before = fleet.pods.map(({ name }) => name);
    fleet.broken.add('r2');
    fleet.want({ revision: 'r2', asked: 'r2' });
    for (let n = 0; n < 100; n += 1) {
      fleet.step();
      assert.equal(fleet.available, 3);
      assert.ok(fleet.of('r2').length <= 1);
    }
    fleet.want({ revision: 'r1', asked: 'r1' });
    assert.ok(fleet.settles(STEPS));
    assert.deepEqual(
      fleet.pods.map(({ name }) => name),
      before,
    );
  });

  it('goes back on the same way', () => {
    const fleet = running(4);
    fleet.want({ revision: 'r2', asked: 'r2' });
    while (fleet.of('r2').filter(({ ready }) => ready).length < 2) fleet.step();
    const kept = fleet.of('r1').filter(({ mark }) => mark === undefined);
    fleet.want({ revision: 'r1', asked: 'r1' });
    for (const _ of until(fleet)) assert.ok(fleet.available >= 4);
    for (const pod of kept) assert.ok(fleet.pods.includes(pod));
  });

  it('leaves as many as the partition says, and goes on when it says less', () => {
    const fleet = running(4, { rollout: { partition: 3 } });
    fleet.want({ revision: 'r2', asked: 'r2' });
    for (let n = 0; n < 100; n += 1) {
      fleet.step();
      assert.ok(fleet.available >= 4);
    }
    assert.deepEqual([fleet.of('r1').length, fleet.of('r2').length], [3, 1]);
    assert.equal(isMoving(fleet.step()), false, 'fewer may be wanted while it lasts');
    fleet.want({ replicas: 6 });
    for (let n = 0; n < 20; n += 1) fleet.step();
    assert.deepEqual([fleet.of('r1').length, fleet.of('r2').length], [3, 3]);
    Object.assign(fleet.spec.rollout, { partition: 0 });
    assert.ok(fleet.settles(STEPS));
  });

  it('gives way to a third revision, of which the second never ran', () => {
    const fleet = running(3);
    fleet.broken.add('r2');
    fleet.want({ revision: 'r2', asked: 'r2' });
    for (let n = 0; n < 10; n += 1) fleet.step();
    for (const pod of fleet.of('r2')) pod.connections = 0;
    fleet.want({ revision: 'r3', asked: 'r3' });
    for (const _ of until(fleet)) assert.ok(fleet.available >= 3);
  });

  it('goes on when all old ones are not ready any more, one by one', () => {
    const fleet = running(3);
    fleet.broken.add('r1');
    for (const pod of fleet.pods) pod.ready = false;
    fleet.step();
    assert.equal(fleet.last?.victims.length, 0, 'they have clients, and there is nobody else');
    fleet.want({ revision: 'r2', asked: 'r2' });
    for (const _ of until(fleet));
    for (let n = 0; n < STEPS && fleet.available < 3; n += 1) fleet.step();
    assert.equal(fleet.available, 3);
  });
});

const WORLDS = 300;

describe('whatever is wanted, whoever dies', () => {
  it('it settles as it is wanted last, and takes nobody away before somebody else is there', () => {
    for (let seed = 1; seed <= WORLDS; seed += 1) {
      const random = seeded(seed);
      const fleet = new ModelFleet({ random, spec: { rollout: { minReadySeconds: 4 } } });
      assert.ok(fleet.settles(STEPS), `${seed}`);
      for (let n = 0; n < 60; n += 1) {
        befall(fleet, random);
        const before = fleet.available;
        const taken = fleet
          .step()
          .victims.filter(({ gateway, reason }) => gateway.ready && reason !== 'Requested').length;
        const enough = taken === 0 || before - taken >= fleet.plan.replicas;
        assert.ok(enough, `seed ${seed}: ${taken} of ${before}, ${fleet.plan.replicas} wanted`);
      }
      fleet.stopped = undefined;
      assert.ok(fleet.settles(STEPS), `seed ${seed} does not settle`);
      assert.deepEqual(fleet.mistaken, [], `seed ${seed}`);
    }
  });
});

const stops = [undefined, 'paused', 'failing'] as const;

/** Something, or nothing. */
function befall(fleet: ModelFleet, random: Random): void {
  const pick = (count: number) => Math.floor(random() * count);
  const revision = `r${1 + pick(3)}`;
  if (pick(4) === 0) fleet.want({ revision, asked: revision });
  if (pick(4) === 0) fleet.want({ replicas: 1 + pick(6) });
  if (pick(6) === 0) fleet.stopped = stops[pick(stops.length)];
  const victim = fleet.pods[pick(fleet.pods.length)];
  if (victim === undefined) return;
  if (pick(6) === 0) victim.ready = false;
  if (pick(8) === 0) victim.requested = !victim.requested;
  if (pick(6) === 0) fleet.kill(victim);
}
