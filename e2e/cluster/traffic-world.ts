import assert from 'node:assert/strict';
import { gatewaySettings } from '../../gateway/settings/declaration.ts';
import { minimal } from '../../operator/api/testing/samples.ts';
import type { WsCluster, WsClusterSpecInput } from '../../operator/api/wscluster.ts';
import { RING_KEYS } from '../../operator/reconcile/desired/mounts.ts';
import { decodeRing } from '../../protocol/ring-document.ts';
import { Late } from '../../scripts/testing/late.ts';
import { until } from '../deadline.ts';
import { processesOfPod } from '../lab/pod-processes.ts';
import { productImage } from '../lab/product-images.ts';
import { isSettled } from './cluster-state.ts';
import { Crowd, type PhaseFigures } from './crowd/crowd.ts';
import { eventsAbout } from './events.ts';
import { OperatorTeam } from './operator-team.ts';
import { OperatorWorld } from './operator-world.ts';
import { startRedisPod } from './redis-pod.ts';
import type { Target } from './target.ts';

export interface TrafficOptions {
  readonly name: string;
  readonly nodes: number;
  readonly clients: number;
  readonly spec: Partial<WsClusterSpecInput>;
  /** Where clients are, and how they come in. Default: within the cluster, by the Service. */
  readonly way?: (way: Way) => Promise<Entrance>;
}

interface Way {
  readonly target: Target;
  readonly at: TrafficWorld['at'];
}

export interface Entrance {
  /** Whose network clients are in. */
  readonly pid: number | undefined;
  /** `host:port` of the gateways there, and of Redis, at which their messages are looked up. */
  readonly gateways: string;
  readonly redis: { readonly host: string; readonly port: number };
}

const KEY_PREFIX = 'crowd';
const SETTLE_MS = 240_000;
/** Clients that did nothing for so long lose connections through no fault of a gateway. */
const FROZEN_MS = 5_000;

interface Podlike {
  readonly metadata: { readonly name: string; readonly uid: string };
  readonly spec: { readonly nodeName?: string };
  readonly status?: { readonly podIP?: string };
}

/** A WsCluster of real gateways, clients of it with the history checker, and two operators. */
export class TrafficWorld {
  readonly world: OperatorWorld;
  readonly team: OperatorTeam;
  readonly crowd: Crowd;
  readonly at: { readonly namespace: string; readonly name: string };

  private constructor(parts: Pick<TrafficWorld, 'world' | 'team' | 'crowd' | 'at'>) {
    this.world = parts.world;
    this.team = parts.team;
    this.crowd = parts.crowd;
    this.at = parts.at;
  }

  /** Throws when it does not come about; nothing is left of it then. */
  static async start(options: TrafficOptions): Promise<TrafficWorld> {
    const at = { namespace: `${options.name}-${process.pid}`, name: 'chat' };
    const system = `${at.namespace}-system`;
    const { nodes } = options;
    const world = await OperatorWorld.start({ nodes, namespaces: [at.namespace, system] });
    const begun: { stop(): Promise<void> }[] = [world];
    try {
      const url = await TrafficWorld.#furnish(world, at);
      const team = await TrafficWorld.#operators(world, at.namespace, system);
      begun.unshift(team);
      const crowd = await TrafficWorld.#populate(world, { ...options, at, url });
      return new TrafficWorld({ world, team, crowd, at });
    } catch (error) {
      for (const one of begun) await one.stop();
      throw error;
    }
  }

  /** Resolves with the URL of its Redis. */
  static async #furnish(world: OperatorWorld, at: TrafficWorld['at']): Promise<string> {
    const { target } = world;
    const made = await productImage('gateway');
    await target.load(made);
    const url = await startRedisPod(target.kubectl, at.namespace);
    const { name = '' } = minimal.redis.urlSecretRef ?? {};
    await world.putSecret({ namespace: at.namespace, name }, { url });
    return url;
  }

  static async #operators(
    { target, hand }: OperatorWorld,
    watch: string,
    namespace: string,
  ): Promise<OperatorTeam> {
    const { name: gatewayImage } = await productImage('gateway');
    const server = new URL(target.lab?.server ?? assert.fail()).hostname;
    const team = new OperatorTeam(target, hand, {
      ...{ namespace, watch, gatewayImage },
      // What runs in the lab's network sees this host there.
      host: server.replace(/\.\d+$/, '.1'),
    });
    try {
      await team.standby();
      return team;
    } catch (error) {
      await team.stop();
      throw error;
    }
  }

  static async #populate(
    world: OperatorWorld,
    options: TrafficOptions & { at: TrafficWorld['at']; url: string },
  ): Promise<Crowd> {
    const { at, url, spec, clients, way = within(url) } = options;
    const { target } = world;
    await world.create(at, {
      redis: { ...minimal.redis, keyPrefix: KEY_PREFIX },
      auth: { anonymous: true, anonymousPublish: true },
      ...spec,
    });
    await settled(world, at);
    const { pid, gateways, redis } = await way({ target, at });
    return Crowd.start(pid, {
      ...{ ws: `ws://${gateways}/ws`, http: `http://${gateways}`, keyPrefix: KEY_PREFIX, clients },
      ...{ redis, heartbeatMs: heartbeatMsOf(spec) },
    });
  }

  async stop(): Promise<void> {
    await this.crowd.stop();
    await this.team.stop();
    await this.world.stop();
  }

  settled(): Promise<unknown> {
    return settled(this.world, this.at);
  }

  read(): Promise<WsCluster> {
    return this.world.read(this.at);
  }

  /** In its namespace. */
  kubectl(...args: readonly string[]): Promise<string> {
    return this.world.target.kubectl('-n', this.at.namespace, ...args);
  }

  /** Its gateways that are not being deleted. */
  async pods(): Promise<Podlike[]> {
    const args = ['-n', this.at.namespace, 'pods', '-l', 'wscluster.io/cluster=chat'];
    const { items } = (await this.world.target.kubectl.get(...args)) as {
      readonly items: readonly (Podlike & { metadata: { deletionTimestamp?: string } })[];
    };
    return items.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
  }

  /** Names of the gateways in the ring that was written last. */
  async inRing(): Promise<string[]> {
    const path = `-o=jsonpath={.data.${RING_KEYS.ring.replaceAll('.', '\\.')}}`;
    const document = await this.kubectl('get', 'configmap', `${this.at.name}-ring`, path);
    return decodeRing(document).members.map(({ id }) => id);
  }

  /** Resolves when the program has ended, too: its object is gone at once. */
  async removeByForce({ name, uid }: Podlike['metadata']): Promise<void> {
    await this.kubectl('delete', 'pod', name, '--force', '--grace-period=0');
    await until(() => processesOfPod(uid).length === 0, {
      for: 'its kubelet to end it',
      ...{ deadlineMs: 60_000, everyMs: 50 },
    });
  }

  /** What Events say of it with this reason, the newest last. */
  async events(reason: string): Promise<string[]> {
    const events = await eventsAbout(this.world.target.kubectl, this.at, reason);
    return events.map(({ message }) => message);
  }

  /**
   * Does something to it, and resolves with what that did to its clients. Throws `Late` where this
   * machine kept the clients from working: nothing follows from what they saw.
   */
  async during(
    what: string,
    change: () => Promise<Readonly<Record<string, number>>>,
  ): Promise<PhaseFigures> {
    this.crowd.begin(what);
    const figures = await this.crowd.end(what, await change());
    const { longestMs } = figures.stalls;
    if (longestMs < FROZEN_MS) return figures;
    throw new Late(`the clients' own process did nothing for ${longestMs} ms in "${what}"`);
  }
}

const within =
  (url: string) =>
  async ({ target, at }: Way): Promise<Entrance> => {
    const path = '-o=jsonpath={.spec.clusterIP}:{.spec.ports[0].port}';
    const gateways = await target.kubectl('-n', at.namespace, 'get', 'service/chat', path);
    const redis = { host: new URL(url).hostname, port: 6379 };
    return { pid: target.lab?.component('kube-apiserver').pid, gateways, redis };
  };

function settled(world: OperatorWorld, at: TrafficWorld['at']) {
  let last = '';
  return until(
    async () => {
      const cluster = await world.read(at);
      const { conditions = [] } = cluster.status ?? {};
      last = conditions.map(({ type, status, reason }) => `${type} ${status} ${reason}`).join(', ');
      return isSettled(cluster);
    },
    { for: () => `it to settle: ${last}`, deadlineMs: SETTLE_MS, everyMs: 250 },
  );
}

function heartbeatMsOf({ heartbeat }: Partial<WsClusterSpecInput>): number {
  const { intervalSeconds } = heartbeat ?? {};
  if (intervalSeconds !== undefined) return intervalSeconds * 1_000;
  return gatewaySettings.parse({}).edge.heartbeatMs;
}
