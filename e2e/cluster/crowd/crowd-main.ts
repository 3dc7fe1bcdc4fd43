// `crowd-main.ts '<CrowdPlan as JSON>'`: clients of the package and publishers in the network of a
// lab, and an arbiter that reads its Redis. Told, a line each, `{"begin":"…"}`,
// `{"end":"…","evidence":{…}}`, `{"size":N,"call":N}`, `{"served":true,"call":N}` and
// `{"finish":true}`; says `{"ready":true}`, `{"recovered":"…","figures":{…}}`,
// `{"answer":CALL,"served":{…}}` and at last a `CrowdVerdict`; `{"late":"…"}` where it ends because
// something did not happen in time.

import { createInterface } from 'node:readline';
import { seeded } from '../../../protocol/testing/chance.ts';
import { Late } from '../../../scripts/testing/late.ts';
import { until } from '../../deadline.ts';
import { check } from '../../history/checker.ts';
import { nanoseconds, Recorder } from '../../history/recorder.ts';
import { strict } from '../../history/verdict.ts';
import { Arbiter } from '../../load/arbiter.ts';
import type { ClientSubscriber, Happening } from '../../load/client-subscriber.ts';
import { Load } from '../../load/load.ts';
import type { CrowdPlan, CrowdVerdict, PhaseFigures } from './crowd.ts';
import { StallWatch } from './stalls.ts';

/** Many clients, on a machine that starts other things. */
const BEGIN_MS = 90_000;
const RECOVER_MS = 60_000;
const LEVEL_MS = 20_000;
/** Gateways look once a second who belongs elsewhere. */
const CALM_MS = 4_000;
const CALM_BY_MS = 90_000;
const SHOWN = 8;
/** Whoever came later. */
const UNTOUCHED = { moves: 0, interrupted: 0 };
/** Clients that come at a time. */
const COMING = 50;

const plan = JSON.parse(process.argv[2] ?? '') as CrowdPlan;
const say = (line: object, then?: () => void) =>
  process.stdout.write(`${JSON.stringify(line)}\n`, then);

const recorder = new Recorder('crowd');
const load = new Load({
  shape: {
    ...{ topics: 10, publishers: 4, everyMs: 200, bytes: 32, level: 'leader' },
    ...{ subscribers: 0, topicsEach: 1, movers: plan.clients },
  },
  random: seeded(1),
  recorder,
  gateways: [{ name: 'service', ws: plan.ws, http: plan.http }],
  heartbeatMs: plan.heartbeatMs,
  patient: true,
  beginMs: BEGIN_MS,
});
const arbiter = new Arbiter({
  ...{ topics: load.topics, keyPrefix: plan.keyPrefix, recorder },
  ...{ master: async () => plan.redis.port, host: plan.redis.host },
});

/** Everybody is connected, somebody publishes, and all have what was there when it was asked. */
async function recovered(): Promise<void> {
  const wait = (what: string) => ({ for: what, deadlineMs: RECOVER_MS });
  await until(() => load.attached(), wait('everybody to be connected'));
  const before = load.counts.acknowledged;
  await until(() => load.counts.acknowledged > before, wait('a publish to be acknowledged'));
  const round = arbiter.rounds + 2;
  await until(() => arbiter.rounds >= round, wait('the arbiter to look at every topic'));
  const heads = load.heads(arbiter);
  await until(() => load.level(heads), wait('everybody to be level'));
  // What was begun is not to be taken for what comes next.
  const { disturbances } = load.counts;
  await until(() => disturbances.most(CALM_MS, performance.now() - CALM_MS) === 0, {
    for: () => `nobody to be asked to go any more: ${JSON.stringify(phase.unrest)}`,
    ...{ deadlineMs: CALM_BY_MS, everyMs: 100 },
  });
}

/** By name, for good. */
const left: string[] = [];

/**
 * Those that came last leave first, for good; whoever comes does so with some others, when those
 * before are subscribed: how many a gateway takes at once is another matter.
 */
async function resize(size: number): Promise<void> {
  const leave = load.movers.slice(size);
  await load.dismiss(leave);
  left.push(...leave.map(({ name }) => name));
  while (load.movers.length < size) {
    load.gather(Math.min(COMING, size - load.movers.length));
    const absent = () => load.movers.filter(({ attached, begun }) => !attached || !begun);
    await until(() => absent().length === 0, {
      for: () => `${load.movers.length} clients, but for ${JSON.stringify(absent().map(seen))}`,
      deadlineMs: BEGIN_MS,
    });
  }
}

const seen = ({ name, gateway, begun, interrupted }: ClientSubscriber) =>
  `${name} at ${gateway}, ${begun ? '' : 'not '}begun, interrupted ${interrupted} times`;

/** Clients by the gateway that serves them; nobody counts who is not connected. */
function served(): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { gateway } of load.movers) {
    if (gateway !== undefined) counts[gateway] = (counts[gateway] ?? 0) + 1;
  }
  return counts;
}

async function finish(): Promise<CrowdVerdict> {
  await load.quiet();
  await arbiter.readAll();
  // The checker names those who do not, and what they miss.
  await until(() => load.level(load.heads(arbiter)), {
    for: 'everybody to reach the end',
    deadlineMs: LEVEL_MS,
  }).catch(() => {});
  await arbiter.stop();
  recorder.write({ kind: 'quiet', t: nanoseconds(), absent: left });
  await load.leave();
  const { passed, violations, inconclusive, figures } = check(recorder.records, strict);
  const { published, acknowledged, deliveries, gaps, reconnects } = figures;
  const { moves, interrupted } = load.counts;
  const complaints = [
    ...inconclusive,
    ...violations.slice(0, SHOWN).map((violation) => JSON.stringify(violation)),
  ];
  const counts = { published, acknowledged, deliveries, reconnects, moves, interrupted };
  return { passed, complaints, gaps, ...counts };
}

/** What one of several things that befell them did to the clients. */
class Phase {
  readonly at = nanoseconds();
  readonly #since = performance.now();
  readonly #before = new Map(
    load.movers.map(({ name, moves, interrupted }) => [name, { moves, interrupted }]),
  );
  readonly #interrupted = load.counts.interrupted;
  readonly #closes = new Map(load.counts.closes);
  readonly #movesFailed = load.counts.movesFailed;
  readonly #watch = new StallWatch();
  readonly #first = recorder.records.length;
  readonly fault: string;

  constructor(fault: string) {
    this.fault = fault;
  }

  get figures(): PhaseFigures {
    // Before all is gone through, which takes a while.
    const { stalls } = this.#watch;
    const moves = load.movers.map(
      ({ name, moves }) => moves - (this.#before.get(name)?.moves ?? 0),
    );
    return {
      moves: moves.reduce((sum, count) => sum + count, 0),
      mostMovesOfOne: Math.max(0, ...moves),
      interrupted: load.counts.interrupted - this.#interrupted,
      closes: this.#closed(),
      stories: this.#stories(),
      movesFailed: load.counts.movesFailed - this.#movesFailed,
      busiestSecond: load.counts.disturbances.most(1_000, this.#since),
      latencyP99Ms: this.#latency(),
      outageP99Ms: this.#outages(),
      stalls,
    };
  }

  /** What befell some of those whom something befell lately. */
  get unrest(): PhaseFigures['stories'] {
    const lately = performance.now() - CALM_MS;
    return this.#told(load.movers.filter((one) => one.since(lately).length > 0));
  }

  end(): void {
    this.#watch.stop();
  }

  #closed(): PhaseFigures['closes'] {
    const counts = [...load.counts.closes].map(
      ([code, count]) => [code, count - (this.#closes.get(code) ?? 0)] as const,
    );
    return Object.fromEntries(counts.filter(([, count]) => count > 0));
  }

  #stories(): PhaseFigures['stories'] {
    const before = ({ name }: ClientSubscriber) => this.#before.get(name) ?? UNTOUCHED;
    const cutOff = load.movers.filter((one) => one.interrupted > before(one).interrupted);
    const moved = load.movers.filter((one) => one.moves > before(one).moves + 1);
    return this.#told([...cutOff, ...moved]);
  }

  #told(clients: readonly ClientSubscriber[]): PhaseFigures['stories'] {
    const told = new Set(clients.slice(0, SHOWN));
    const timed = ({ at, what }: Happening) => `${Math.round(at - this.#since)}: ${what}`;
    return Object.fromEntries(
      [...told].map((one) => [`${one.name} at ${one.gateway}`, one.since(this.#since).map(timed)]),
    );
  }

  /** From the call of a publisher to the application of a subscriber. */
  #latency(): number {
    const records = recorder.records.slice(this.#first);
    const began = new Map(
      records.flatMap((one) => (one.kind === 'pub' ? [[one.id, one.inv]] : [])),
    );
    return p99Ms(
      records.flatMap((one) => {
        const start = one.kind === 'del' ? began.get(one.id) : undefined;
        return one.kind === 'del' && start !== undefined ? [one.t - start] : [];
      }),
    );
  }

  #outages(): number {
    const since = new Map<string, number>();
    const outages: number[] = [];
    for (const one of recorder.records.slice(this.#first)) {
      if (one.kind !== 'conn') continue;
      const start = since.get(one.subscriber);
      if (one.state === 'closed') since.set(one.subscriber, one.t);
      else if (start !== undefined && since.delete(one.subscriber)) outages.push(one.t - start);
    }
    return p99Ms(outages);
  }
}

/** Of nanoseconds. */
function p99Ms(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return Math.round((sorted[Math.floor(sorted.length * 0.99)] ?? 0) / 1e6);
}

let phase = new Phase('');

/** Does what it is told, once all are there, until it is told to finish. */
async function obey(): Promise<void> {
  arbiter.start();
  await load.begin();
  load.publish();
  await load.delivered(plan.clients * 4, RECOVER_MS);
  say({ ready: true });
  for await (const line of createInterface({ input: process.stdin })) {
    const told = JSON.parse(line) as {
      readonly begin?: string;
      readonly end?: string;
      readonly evidence?: Readonly<Record<string, number>>;
      readonly size?: number;
      readonly served?: true;
      readonly call?: number;
      readonly finish?: true;
    };
    if (told.begin !== undefined) {
      phase.end();
      phase = new Phase(told.begin);
    } else if (told.end !== undefined) {
      await recovered();
      const { fault, at: start, figures } = phase;
      const evidence = told.evidence ?? {};
      const end = nanoseconds();
      recorder.write({ kind: 'fault', fault, target: 'control plane', start, end, evidence });
      say({ recovered: told.end, deliveries: load.counts.deliveries, figures });
    } else if (told.call !== undefined) {
      if (told.size !== undefined) await resize(told.size);
      say({ answer: told.call, served: served() });
    } else {
      await load.delivered(load.counts.deliveries + plan.clients * 4, RECOVER_MS);
      // What a pipe does not take at once would be lost with the process.
      say(await finish(), () => process.exit());
    }
  }
}

await obey().catch((error: unknown) => {
  if (error instanceof Late) say({ late: error.message });
  throw error;
});
