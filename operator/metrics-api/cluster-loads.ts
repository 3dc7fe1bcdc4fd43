import type { Clock } from '../../protocol/clock.ts';
import { each } from '../gateways/each.ts';
import type { GatewayClient, GatewayPod, GatewayStatus } from '../gateways/gateway-client.ts';
import { remember } from '../kube/remember.ts';

/** A gateway whose load counts. */
export interface MeteredPod extends GatewayPod {
  readonly name: string;
  /** New clients come to it. */
  readonly serves: boolean;
  /** Kubernetes gave it up: who does not answer is gone then, and its clients are elsewhere. */
  readonly lost: boolean;
}

/** What there is of the gateways of one WsCluster, from a copy that is so old. */
export interface MeteredCluster {
  readonly pods: readonly MeteredPod[];
  readonly ageMs: number;
}

/** Of all gateways of a cluster together. */
export interface ClusterLoad {
  /** Clients: who is connected twice while it moves counts once. */
  readonly connections: number;
  /** Gateways to which new clients come. */
  readonly serving: number;
  /** Busy event loops: 1.5 is one and a half. Undefined: a gateway does not say. */
  readonly utilisation: number | undefined;
  /** Per second. Undefined: a gateway does not say. */
  readonly publishRate: number | undefined;
  /** When the oldest part of it was found out; milliseconds since 1970. */
  readonly wallMs: number;
}

export interface ClusterLoadsOptions {
  /** `namespace/name`. Undefined: there is no such WsCluster. */
  readonly clusterOf: (key: string) => MeteredCluster | undefined;
  readonly client: Pick<GatewayClient, 'status'>;
  readonly clock: Clock;
}

/** There are numbers, but not all: a part of a sum is none, and nobody is to scale down by it. */
export class LoadUnknown extends Error {
  override readonly name = 'LoadUnknown';
}

/** An answer is given again for so long. */
const FRESH_MS = 2_000;
/** The last word of a gateway that does not answer. */
const CARRIED_MS = 30_000;
/** For all gateways of a cluster; the API server asks for a minute, others for less. */
const ASK_MS = 8_000;
/** Asked at once, of one cluster. */
const AT_A_TIME = 32;
/** A copy tells of changes at once, and once a minute that there are none. */
const COPY_MS = 150_000;
/** Clusters about which something is known; the one asked for longest ago is forgotten. */
const CLUSTERS = 1_000;
/** Clusters whose gateways are asked at once. */
const BUSY = 64;
const SHOWN = 3;

interface Sample {
  readonly at: number;
  readonly wallMs: number;
  readonly load: PodLoad;
}

interface PodLoad {
  readonly connections: number;
  readonly utilisation: number | undefined;
  readonly publishRate: number | undefined;
}

interface Known {
  /** By uid. */
  readonly samples: Map<string, Sample>;
  answer: { readonly load: Promise<ClusterLoad>; doneAt: number | undefined } | undefined;
}

/** Loads of clusters, found out when somebody asks. */
export class ClusterLoads {
  readonly #options: ClusterLoadsOptions;
  readonly #known = new Map<string, Known>();
  #busy = 0;

  constructor(options: ClusterLoadsOptions) {
    this.#options = options;
  }

  /** Undefined: there is no such WsCluster. Rejects with `LoadUnknown`. */
  async of(key: string): Promise<ClusterLoad | undefined> {
    const { clusterOf, clock } = this.#options;
    const cluster = clusterOf(key);
    if (cluster === undefined) {
      this.#known.delete(key);
      return undefined;
    }
    if (cluster.ageMs > COPY_MS) {
      throw new LoadUnknown('the operator has not heard from the API server for some minutes');
    }
    const known = this.#use(key);
    const { answer } = known;
    const fresh = answer?.doneAt === undefined || clock.now() - answer.doneAt < FRESH_MS;
    if (answer !== undefined && fresh) return answer.load;
    if (this.#busy >= BUSY) throw new LoadUnknown(`${BUSY} other clusters are being asked`);
    const found: Known['answer'] = { load: this.#find(known, cluster.pods), doneAt: undefined };
    known.answer = found;
    return found.load.finally(() => {
      found.doneAt = clock.now();
    });
  }

  /** The one asked for last stands last. */
  #use(key: string): Known {
    const known = this.#known.get(key) ?? { samples: new Map(), answer: undefined };
    remember(this.#known, [key, known], CLUSTERS);
    return known;
  }

  async #find({ samples }: Known, pods: readonly MeteredPod[]): Promise<ClusterLoad> {
    this.#busy += 1;
    try {
      await this.#ask(samples, pods);
    } finally {
      this.#busy -= 1;
    }
    const now = this.#options.clock.now();
    const uids = new Set(pods.map(({ uid }) => uid));
    for (const uid of samples.keys()) if (!uids.has(uid)) samples.delete(uid);
    const counted: Sample[] = [];
    const silent: string[] = [];
    for (const { uid, name, lost } of pods) {
      const sample = samples.get(uid);
      if (sample !== undefined && now - sample.at <= CARRIED_MS) counted.push(sample);
      else if (!lost) silent.push(name);
    }
    if (silent.length > 0) throw new LoadUnknown(silence(silent, pods.length));
    const serving = pods.filter(({ serves }) => serves).length;
    return sumOf(counted, serving, this.#options.clock.wall());
  }

  async #ask(samples: Map<string, Sample>, pods: readonly MeteredPod[]): Promise<void> {
    const { client, clock } = this.#options;
    const late = new AbortController();
    const timer = clock.after(ASK_MS, () => late.abort(new Error('late')));
    try {
      await each(pods, AT_A_TIME, async (pod) => {
        if (late.signal.aborted) return;
        const load = await client.status(pod, late.signal).then(
          (status) => loadOf(pod, status),
          // Who does not answer, or not as a gateway does, is judged by what it said last.
          () => undefined,
        );
        if (load !== undefined) {
          samples.set(pod.uid, { at: clock.now(), wallMs: clock.wall(), load });
        }
      });
    } finally {
      timer.cancel();
    }
  }
}

/** Undefined: another pod has the address by now. */
function loadOf({ name }: MeteredPod, status: GatewayStatus): PodLoad | undefined {
  if (status.pod !== name) return undefined;
  const { edge, loop, publishes } = status;
  // It waits for its Redis or a Secret: nobody can be connected.
  if (edge === undefined) return { connections: 0, utilisation: 0, publishRate: 0 };
  return {
    connections: edge.connections - (edge.moved ?? 0),
    utilisation: loop?.utilisation,
    publishRate: publishes?.perSecond,
  };
}

function sumOf(samples: readonly Sample[], serving: number, wallMs: number): ClusterLoad {
  const total = (part: keyof PodLoad) =>
    samples.reduce<number | undefined>((sum, { load }) => {
      const value = load[part];
      return sum === undefined || value === undefined ? undefined : sum + value;
    }, 0);
  return {
    connections: total('connections') ?? 0,
    serving,
    utilisation: total('utilisation'),
    publishRate: total('publishRate'),
    wallMs: Math.min(wallMs, ...samples.map((sample) => sample.wallMs)),
  };
}

function silence(silent: readonly string[], of: number): string {
  const shown = silent.toSorted().slice(0, SHOWN).join(', ');
  const more = silent.length > SHOWN ? ` and ${silent.length - SHOWN} more` : '';
  return (
    `of ${of} gateways ${shown}${more} did not say their load for ${CARRIED_MS / 1_000} s: ` +
    'a part of the sum would be too little, and gateways would be removed'
  );
}
