import type { Link } from '../../gateway/ring/testing/distant-board.ts';
import type { Fault, Nemesis } from './nemesis.ts';
import type { Scene } from './scene.ts';
import type { SimulatedGateway } from './simulated-gateway.ts';
import type { WorldRing } from './world-ring.ts';

/** Gateways of a world at most, and those that must stay. */
const MOST = 6;
const FEWEST = 2;
const KEPT = 'g0';
/** How long a gateway's way to the board is disturbed, heartbeats. */
const LONGEST = 12;
/** How far the board's clock jumps, heartbeats. */
const JUMP = 40;

type Deed = (nemesis: Nemesis, world: Scene, ring: WorldRing) => boolean;

/** A fault that only a world with a ring knows. */
const fault = (name: string, weight: number, deed: Deed): Fault => ({
  ...{ name, weight },
  inflict: (nemesis, world) => world.ring !== undefined && deed(nemesis, world, world.ring),
});

/** Until some heartbeats from now one thing is wrong on a gateway's way to the board. */
const onTheWay =
  (what: string, wrong: (link: Link, until: number) => void): Deed =>
  (nemesis, world, ring) => {
    const gateway = nemesis.victim();
    if (gateway === undefined) return false;
    disturb(ring.links.get(gateway.process), wrong, untilOf(nemesis, world));
    world.note(`${gateway.name} ${what} the board`);
    return true;
  };

function disturb(
  link: Link | undefined,
  wrong: (link: Link, until: number) => void,
  until: number,
): void {
  if (link !== undefined) wrong(link, until);
}

function untilOf(nemesis: Nemesis, { time, ring }: Scene): number {
  return time.now() + nemesis.between(0.5, LONGEST) * (ring?.settings.heartbeatMs ?? 0);
}

const cut = (link: Link, until: number) => {
  link.cutUntil = until;
};

function join(_: Nemesis, world: Scene): boolean {
  const free = Array.from({ length: MOST }, (_each, place) => `g${place}`).find(
    (address) =>
      !world.addresses.includes(address) &&
      !world.gateways.some((gateway) => gateway.address === address),
  );
  if (free === undefined) return false;
  world.startGateway(free);
  return true;
}

/** One of those that are there, when enough others are. Some clients know the first ones only. */
function dispensable(nemesis: Nemesis): SimulatedGateway | undefined {
  const gateway = nemesis.able.length > FEWEST ? nemesis.victim() : undefined;
  return gateway?.address === KEPT ? undefined : gateway;
}

function leave(nemesis: Nemesis, world: Scene): boolean {
  const gateway = dispensable(nemesis);
  if (gateway === undefined) return false;
  world.abandon(gateway.address);
  return nemesis.drain(gateway, false);
}

function die(nemesis: Nemesis, world: Scene): boolean {
  const gateway = dispensable(nemesis);
  if (gateway === undefined) return false;
  world.abandon(gateway.address);
  return nemesis.kill(nemesis.between(0, 1) < 0.5, gateway, false);
}

function cutAll(nemesis: Nemesis, world: Scene, ring: WorldRing): boolean {
  const until = untilOf(nemesis, world);
  for (const link of ring.links.values()) cut(link, until);
  world.note('nobody reaches the board');
  return true;
}

/** Both are in one Redis. */
function cutFromBoth(nemesis: Nemesis, world: Scene, ring: WorldRing): boolean {
  const gateway = nemesis.victim();
  if (gateway === undefined) return false;
  disturb(ring.links.get(gateway.process), cut, untilOf(nemesis, world));
  return nemesis.cut('one', gateway);
}

/** Frozen as the writer, it thaws as one of two. */
function freezeWriter(nemesis: Nemesis): boolean {
  const writer = nemesis.able.find(({ ring }) => ring?.source.writer === ring?.pod);
  return writer !== undefined && nemesis.freezeGateway(writer);
}

/** It asks the others whether they reach the store, and hears nothing. */
function isolate(nemesis: Nemesis, world: Scene): boolean {
  const gateway = nemesis.victim();
  if (gateway === undefined) return false;
  world.apart.add(gateway.address);
  world.note(`${gateway.name} hears nothing of the other gateways`);
  nemesis.undoAfter(nemesis.between(300, 4_000), () => world.apart.delete(gateway.address));
  return true;
}

function flush(_: Nemesis, world: Scene, ring: WorldRing): boolean {
  ring.flush();
  world.note('the board forgot everything');
  return true;
}

function fallBack(nemesis: Nemesis, world: Scene, ring: WorldRing): boolean {
  const restore = ring.backup();
  nemesis.undoAfter(nemesis.between(100, 3_000), () => {
    restore();
    world.note('the board fell back');
  });
  return true;
}

function jump(nemesis: Nemesis, world: Scene, ring: WorldRing): boolean {
  ring.skewMs += Math.floor(nemesis.between(-JUMP, JUMP) / 2) * ring.settings.heartbeatMs;
  world.note("the board's clock jumped");
  return true;
}

const become =
  (what: 'full' | 'busy'): Deed =>
  (nemesis, world) => {
    const gateway = nemesis.victim();
    if (gateway === undefined) return false;
    gateway[what] = true;
    world.note(`${gateway.name} is ${what}`);
    nemesis.undoAfter(nemesis.between(300, 3_000), () => {
      gateway[what] = false;
    });
    return true;
  };

/** What can be done to a world with a ring, besides all else. */
export const ringFaults: readonly Fault[] = [
  fault('gateway joins', 5, join),
  fault('gateway leaves for good', 4, leave),
  fault('gateway dies for good', 3, die),
  fault('gateway cut from the board', 3, onTheWay('does not reach', cut)),
  fault('gateway cut from the board and the store', 2, cutFromBoth),
  fault('all cut from the board', 1, cutAll),
  fault(
    'gateway deaf to the board',
    2,
    onTheWay('hears nothing of', (link, until) => {
      link.deafUntil = until;
    }),
  ),
  fault(
    'gateway slow to the board',
    2,
    onTheWay('slowly reaches', (link, until) => {
      link.slowUntil = until;
    }),
  ),
  fault(
    'rings out of order',
    3,
    onTheWay('gets rings of before from', (link, until) => {
      link.confusedUntil = until;
    }),
  ),
  fault('writer frozen', 4, freezeWriter),
  fault('gateway apart from the others', 2, isolate),
  fault('board flushed', 1, flush),
  fault('board fell back', 1, fallBack),
  fault("the board's clock jumped", 1, jump),
  fault('gateway full', 3, become('full')),
  fault('gateway busy', 2, become('busy')),
  fault('move cut', 14, (_, { cutter }) => cutter?.arm() === true),
];
