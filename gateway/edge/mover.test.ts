import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { describe, it } from 'node:test';
import type { CloseCode } from '../../protocol/codes.ts';
import type { Move } from '../../protocol/events.ts';
import { seeded } from '../../protocol/testing/chance.ts';
import { ManualClock } from '../../protocol/testing/manual-clock.ts';
import { silentEdgeCounts } from './counts.ts';
import { Movable, type MovableClient, STAY_MS } from './movable.ts';
import { MoveTokens } from './move-tokens.ts';
import { Mover, WITHIN_MS } from './mover.ts';
import { type Placement, servedInPlace } from './placement.ts';
import { PodKeys } from './pod-keys.ts';
import { everything } from './testing/edge-fixture.ts';

const HERE = 1;
const THERE = 2;
const { privateKey } = generateKeyPairSync('ed25519');

class Client implements MovableClient {
  alive = true;
  readonly identity = everything;
  readonly sessionName = 's';
  readonly asked: (Move & { readonly at: number })[] = [];
  left: number | undefined;
  readonly move: Movable | undefined;
  readonly #clock: ManualClock;

  constructor(clock: ManualClock, move: Movable | undefined) {
    this.#clock = clock;
    this.move = move;
  }

  say(event: Move): void {
    this.asked.push({ ...event, at: this.#clock.now() });
  }

  leave({ code }: CloseCode): void {
    this.alive = false;
    this.left = code;
  }
}

/** A gateway with these clients; who owns what, and how many may be asked, can be set. */
class Scene {
  readonly clock = new ManualClock();
  readonly clients: Client[] = [];
  readonly mover: Mover;
  perSecond = 20;
  owner = 'b';
  ownerIsThere = true;
  /** Whether this gateway could pass clients on to it, and whether they could be told of it. */
  reached = true;
  told = true;
  readonly placement: Placement & { version: number; hasPlace: boolean };

  constructor() {
    const { clock } = this;
    const scene = this;
    this.placement = {
      ...servedInPlace(),
      version: 1,
      isHere: (shard) => shard === HERE,
      elsewhere(shard) {
        const unknown = shard === HERE || !scene.ownerIsThere;
        const to = scene.told ? `ws://${scene.owner}/ws` : undefined;
        return unknown ? undefined : { pod: scene.owner, to };
      },
      share: () => scene.perSecond,
    };
    const tokens = new MoveTokens({
      ...{ pod: 'a', cluster: 'chat', privateKey, keys: new PodKeys(() => undefined), clock },
    });
    this.mover = new Mover({
      ...{ clock, random: seeded(1), placement: this.placement, tokens },
      ...{ roster: { all: () => this.clients }, counts: silentEdgeCounts },
      reaches: () => scene.reached,
    });
  }

  arrive(shard: number, { movable = true, broughtAt = undefined as number | undefined } = {}) {
    const until = this.clock.now() + STAY_MS;
    const stay = broughtAt === undefined ? undefined : { version: broughtAt, until };
    const move = movable ? new Movable(shard, stay) : undefined;
    const client = new Client(this.clock, move);
    this.clients.push(client);
    this.mover.welcomed(client);
    return client;
  }

  go(client: Client): void {
    client.alive = false;
    this.clients.splice(this.clients.indexOf(client), 1);
    this.mover.gone(client);
  }

  get asked(): Client[] {
    return this.clients.filter(({ asked }) => asked.length > 0);
  }
}

describe('the mover', () => {
  it('sends on at once who arrives where it does not belong, and nobody else', () => {
    const scene = new Scene();
    const stranger = scene.arrive(THERE);
    const [home, brought] = [scene.arrive(HERE), scene.arrive(THERE, { broughtAt: 1 })];
    const unable = scene.arrive(THERE, { movable: false });
    const [asked] = stranger.asked;
    assert.deepEqual(
      [asked?.reason, asked?.to, asked?.within],
      ['redirect', 'ws://b/ws', WITHIN_MS],
    );
    assert.ok(asked?.token);
    for (const { asked: questions } of [home, brought, unable]) assert.deepEqual(questions, []);
    assert.equal(scene.mover.moving, 1);
  });

  it('serves in place who is over the budget, and asks it later', async () => {
    const scene = new Scene();
    for (let n = 0; n < 60; n += 1) scene.arrive(THERE);
    assert.ok(scene.asked.length <= 2, `${scene.asked.length} at once`);
    await scene.clock.advance(1_000);
    assert.ok(Math.abs(scene.asked.length - 20) <= 4, `${scene.asked.length} in a second`);
    await scene.clock.advance(3_000);
    assert.equal(scene.asked.length, 60);
    const reasons = scene.clients.map(({ asked }) => asked[0]?.reason);
    assert.ok(reasons.filter((reason) => reason === 'rebalance').length >= 57);
    assert.ok(scene.clients.every(({ asked }) => asked.length === 1));
  });

  it('asks those that a change of the ring made strangers, each once', async () => {
    const scene = new Scene();
    for (let n = 0; n < 10; n += 1) scene.arrive(THERE, { broughtAt: 1 });
    await scene.clock.advance(5_000);
    assert.equal(scene.asked.length, 0, 'a move brought them here');
    scene.placement.version = 2;
    scene.mover.ringChanged();
    await scene.clock.advance(2_000);
    assert.ok(scene.clients.every(({ asked }) => asked.length === 1));
    assert.equal(scene.clients[0]?.asked[0]?.reason, 'rebalance');
  });

  it('asks nobody to come back to where it is, while its owner cannot be had', async () => {
    const scene = new Scene();
    scene.reached = false;
    const told = scene.arrive(THERE);
    scene.told = false;
    const passed = scene.arrive(THERE);
    await scene.clock.advance(5_000);
    assert.deepEqual([told.asked.length, passed.asked.length], [1, 0]);
    scene.reached = true;
    await scene.clock.advance(200);
    assert.deepEqual([passed.asked[0]?.reason, passed.asked[0]?.to], ['rebalance', undefined]);
  });

  it('sends on who was sent here by a gateway of an older ring, though none follows', async () => {
    const scene = new Scene();
    const misled = scene.arrive(THERE, { broughtAt: 1 });
    await scene.clock.advance(STAY_MS - 1_000);
    assert.equal(misled.asked.length, 0);
    await scene.clock.advance(2_000);
    assert.equal(misled.asked.length, 1);
  });

  it('asks strangers whose gateway is not there as soon as it is, in the same ring', async () => {
    const scene = new Scene();
    scene.ownerIsThere = false;
    const early = scene.arrive(THERE, { broughtAt: 0 });
    scene.mover.ringChanged();
    await scene.clock.advance(10_000);
    const late = scene.arrive(THERE);
    await scene.clock.advance(10_000);
    assert.equal(scene.asked.length, 0);
    scene.ownerIsThere = true;
    await scene.clock.advance(2_000);
    for (const { asked } of [early, late]) assert.equal(asked.length, 1);
  });

  it('leaves in peace who does not go, and asks again later, for what holds then', async () => {
    const scene = new Scene();
    const client = scene.arrive(THERE);
    await scene.clock.advance(60_000);
    assert.equal(client.asked.length, 1);
    assert.equal(client.left, undefined);
    assert.equal(scene.mover.moving, 0);
    scene.owner = 'c';
    await scene.clock.advance(30_000);
    assert.deepEqual(
      client.asked.map(({ to }) => to),
      ['ws://b/ws', 'ws://c/ws'],
    );
  });

  it('asks sooner who did not go, once the ring has another owner for it', async () => {
    const scene = new Scene();
    const client = scene.arrive(THERE);
    scene.owner = 'c';
    scene.placement.version += 1;
    scene.mover.ringChanged();
    await scene.clock.advance(WITHIN_MS);
    assert.equal(client.asked.length, 1);
    await scene.clock.advance(WITHIN_MS / 2);
    assert.deepEqual(
      client.asked.map(({ to }) => to),
      ['ws://b/ws', 'ws://c/ws'],
    );
  });

  it('ends the connection of who went on without goodbye, once its time is over', async () => {
    const scene = new Scene();
    const client = scene.arrive(THERE);
    assert.ok(client.move);
    client.move.taken = true;
    await scene.clock.advance(WITHIN_MS);
    assert.equal(client.left, undefined);
    await scene.clock.advance(WITHIN_MS / 2);
    assert.equal(client.left, 4002);
  });

  it('asks nobody while it is held, and everybody when it is released', async () => {
    const scene = new Scene();
    scene.mover.hold();
    scene.arrive(THERE);
    scene.mover.ringChanged();
    await scene.clock.advance(10_000);
    assert.equal(scene.asked.length, 0);
    scene.mover.release();
    await scene.clock.advance(1_000);
    assert.equal(scene.asked.length, 1);
  });

  it('asks nobody by the ring that was made without it, when it stays after all', async () => {
    const scene = new Scene();
    const client = scene.arrive(HERE);
    scene.mover.hold();
    scene.placement.hasPlace = false;
    scene.placement.isHere = () => false;
    scene.placement.elsewhere = () => ({ pod: 'b', to: 'ws://b/ws' });
    scene.mover.ringChanged();
    scene.mover.release();
    await scene.clock.advance(20_000);
    scene.mover.ringChanged();
    await scene.clock.advance(5_000);
    assert.deepEqual(client.asked, [], 'another ring, and still without it');
    scene.placement.hasPlace = true;
    scene.mover.ringChanged();
    const stranger = scene.arrive(THERE);
    await scene.clock.advance(1_000);
    assert.equal(stranger.asked.length, 1, 'it is back');
  });

  it('gives up a gateway that no ring has again', async () => {
    const scene = new Scene();
    scene.mover.hold();
    scene.placement.hasPlace = false;
    const client = scene.arrive(THERE);
    scene.mover.release();
    await scene.clock.advance(29_000);
    assert.equal(client.asked.length, 0);
    await scene.clock.advance(2_000);
    assert.equal(client.asked.length, 1);
    scene.mover.release();
    scene.mover.hold();
    scene.go(client);
    assert.equal(scene.clock.timers, 0, 'nothing waits when all leave again');
  });

  it('waits for nothing once everybody is where it belongs', async () => {
    const scene = new Scene();
    scene.arrive(HERE);
    const client = scene.arrive(THERE);
    assert.equal(scene.clock.timers, 1);
    scene.go(client);
    await scene.clock.advance(2_000);
    assert.equal(scene.clock.timers, 0);
  });
});
