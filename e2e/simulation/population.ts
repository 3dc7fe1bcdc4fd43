import type { SocketLike } from '../../client/platform.ts';
import { resendWindowMs } from '../../gateway/settings/idempotency.ts';
import type { Random } from '../../protocol/clock.ts';
import type { History } from './history.ts';
import { MoveTrace } from './move-trace.ts';
import { PackageSubscriber } from './package-subscriber.ts';
import type { ParticipantParts } from './participant.ts';
import { PlainSubscriber } from './plain-subscriber.ts';
import type { Scene } from './scene.ts';
import { SimulatedProcess } from './simulated-process.ts';

export interface PopulationParts {
  readonly world: Scene;
  readonly random: Random;
  readonly history: History;
  /** Chance of one's own. */
  readonly fork: () => Random;
  readonly spoil: ((socket: SocketLike) => SocketLike) | undefined;
}

export interface Population {
  readonly subscribers: readonly PackageSubscriber[];
  readonly plain: readonly PlainSubscriber[];
  /** Connected, and listening to nothing. */
  readonly crowd: readonly PackageSubscriber[];
}

const SKEW_MS = 300_000;

const LONGEST_RESEND_MS = 20_000;

/** Who listens in a world. */
export function populate(parts: PopulationParts): Population {
  const { random, world } = parts;
  const { expires, ring } = world.settings;
  const packages = 2 + Math.floor(random() * 3);
  const subscribers = named('client', packages).map((name) => {
    return new PackageSubscriber(partsOf(name, topicsOf(name, parts), parts));
  });
  // A store that forgets a session leaves nobody who could know what its client missed.
  const others = expires ? 0 : 1 + Math.floor(random() * 2);
  const plain = named('plain', others).map((name) => {
    return new PlainSubscriber(partsOf(name, topicsOf(name, parts), parts));
  });
  const crowd = named('idle', ring?.crowd ?? 0).map((name) => {
    return new PackageSubscriber(partsOf(name, [], parts));
  });
  return { subscribers, plain: plain.reverse(), crowd };
}

const named = (what: string, count: number): string[] =>
  Array.from({ length: count }, (_, each) => `${what}${each}`);

function partsOf(
  name: string,
  topics: readonly string[],
  { world, random, history, fork, spoil }: PopulationParts,
): ParticipantParts {
  const { ring, addresses, time, network } = world;
  const query = ring?.settings.key === 'query:user' ? `?user=${name}` : '';
  const direct = addresses.map((address) => `ws://${address}/ws${query}`);
  const first = Math.floor(random() * direct.length);
  const rotated = [...direct.slice(first), ...direct.slice(0, first)];
  return {
    name,
    process: new SimulatedProcess(name, time, (random() * 2 - 1) * SKEW_MS),
    ...{ topics, network, random: fork(), history },
    resendWindowMs: Math.min(LONGEST_RESEND_MS, resendWindowMs(world.settings.stream)),
    urls: random() < 0.5 ? [`ws://any/ws${query}`] : rotated,
    ...{ trace: ring && traceOf(name, world), spoil },
  };
}

function traceOf(name: string, { ring, cutter, time }: Scene): MoveTrace {
  return new MoveTrace({
    onStep: (step, legs) => cutter?.onStep(name, step, legs),
    onArrived: (to, from) => ring?.arrived(name, to, from),
    get rings() {
      return ring?.rings ?? 0;
    },
    get now() {
      return time.now();
    },
    later: (task) => {
      time.after(0, task);
    },
  });
}

/** Where topics are forgotten, one of them has a single subscriber, who will be away. */
function topicsOf(name: string, { world, random }: PopulationParts): readonly string[] {
  const { topics, settings } = world;
  let some = topics.filter(() => random() < 0.7);
  if (settings.expires) {
    some = some.filter((topic) => topic !== topics[0]);
    if (name === 'client0') some.unshift(...topics.slice(0, 1));
  }
  return some.length === 0 ? topics.slice(-1) : some;
}
