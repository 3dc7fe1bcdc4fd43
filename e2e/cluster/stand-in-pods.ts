import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import { Informer } from '../../operator/kube/informer.ts';
import { isNotFound } from '../../operator/kube/kube-error.ts';
import type { KubeObject } from '../../operator/kube/objects.ts';
import { pathOf } from '../../operator/kube/resource.ts';
import type { ObservedPod } from '../../operator/reconcile/copies.ts';
import { CLUSTER_LABEL, PORTS } from '../../operator/reconcile/desired/names.ts';
import { pods } from '../../operator/reconcile/resources.ts';
import { createServer } from '../../process/http.ts';
import { foregroundClock as clock } from '../../protocol/clock.ts';
import { compareVersions } from '../../protocol/ring.ts';
import { decodeRing, ringDigest } from '../../protocol/ring-document.ts';
import { until } from '../deadline.ts';
import { type Connected, connect } from './kube-target.ts';
import type { Target } from './target.ts';

/** A gateway as the operator finds it: an admin port with a status and a ring. */
interface StandInGateway {
  readonly server: Server;
  readonly uid: string;
  ring: string | undefined;
  connections: number;
  /** Clients that are asked to go are gone. */
  drain: 'serving' | 'empty';
}

const silent = () => {};
const log = { debug: silent, info: silent, warn: silent, error: silent };

/**
 * Nodes and gateways of a lab that has none: writes into each pod of a WsCluster that it runs and
 * is ready, under an address of this host's loopback, and answers at its admin port. Everything
 * else, from the ReplicaSet to the garbage collector, is Kubernetes' own. The scheduler must not
 * run: it would say that no node takes them.
 */
export class StandInPods {
  /** Of pods that are there, by name. */
  readonly gateways = new Map<string, StandInGateway>();
  /** False: new pods wait, as on a node that has much to do. */
  running = true;
  readonly #connected: Connected;
  readonly #informer: Informer<ObservedPod>;
  readonly #failures: unknown[] = [];
  #addresses = 0;

  private constructor(connected: Connected, namespaces: readonly string[] | 'all') {
    this.#connected = connected;
    this.#informer = new Informer<ObservedPod>({
      ...{ api: connected.api, resource: pods, namespaces, labelSelector: CLUSTER_LABEL },
      ...{ clock, log, random: Math.random },
      handlers: [({ was, is }) => this.#changed(was, is)],
    });
  }

  static async start(
    target: Target,
    namespaces: readonly string[] | 'all' = 'all',
  ): Promise<StandInPods> {
    const scheduler = target.lab?.component('kube-scheduler');
    if (scheduler?.pid !== undefined) await scheduler.kill();
    const standIn = new StandInPods(await connect(target), namespaces);
    standIn.#informer.start();
    await standIn.#informer.synced(AbortSignal.timeout(30_000));
    return standIn;
  }

  /** Throws what could not be written. */
  async stop(): Promise<void> {
    await this.#informer.stop();
    for (const { server } of this.gateways.values()) close(server);
    await this.#connected.transport.close();
    if (this.#failures.length > 0) throw new AggregateError(this.#failures, 'stand-in pods');
  }

  #changed(was: ObservedPod | undefined, is: ObservedPod | undefined): void {
    const gone = was !== undefined && was.metadata.uid !== is?.metadata.uid;
    const known = this.gateways.get(was?.metadata.name ?? '');
    if (gone && known !== undefined && known.uid === was.metadata.uid) {
      this.gateways.delete(was.metadata.name ?? '');
      close(known.server);
    }
    if (is === undefined || !this.running || is.metadata.deletionTimestamp !== undefined) return;
    if (is.status?.podIP !== undefined || this.gateways.has(is.metadata.name ?? '')) return;
    this.#run(is).catch((error: unknown) => this.#failures.push(error));
  }

  async #run({ metadata: { name = '', namespace, uid = '' } }: KubeObject): Promise<void> {
    const ip = this.#address();
    const server = createServer((request, response) => {
      this.#answer(name, request, response).catch((error: unknown) => {
        response.writeHead(500).end(String(error));
      });
    });
    this.gateways.set(name, { server, uid, ring: undefined, connections: 0, drain: 'serving' });
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject).listen(PORTS.admin, ip, resolve);
    });
    const path = pathOf(pods, { namespace, name, subresource: 'status' });
    const patch = 'merge-patch+json' as const;
    const call = { method: 'PATCH', path, patch, body: { status: upAt(ip) } } as const;
    let last: unknown;
    // The API server may be away: as a kubelet does, it says so when it is back.
    const written = () =>
      this.#connected.api.call(call).then(
        () => true,
        (error: unknown) => {
          last = error;
          return isNotFound(error);
        },
      );
    const deadlineMs = 180_000;
    await until(written, { for: () => `${name} to be ready: ${last}`, deadlineMs, everyMs: 500 });
  }

  /** Another one for each pod, and others than those of a test beside this one. */
  #address(): string {
    this.#addresses += 1;
    const net = 64 + (process.pid % 128);
    return `127.${net}.${this.#addresses >> 7}.${1 + (this.#addresses & 127)}`;
  }

  async #answer(name: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const gateway = this.gateways.get(name);
    const send = (body: object) => {
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    };
    if (gateway === undefined) response.destroy();
    else if (request.method === 'PUT') send(take(gateway, await text(request)));
    else if (request.method !== 'GET') {
      gateway.drain = request.method === 'POST' ? 'empty' : 'serving';
      send({ phase: gateway.drain });
    } else {
      const { connections, drain } = gateway;
      const edge = { connections, sessions: 0, drain };
      const stream = { connected: true, unsuitable: [] };
      const ring = gateway.ring === undefined ? {} : { ring: told(gateway.ring) };
      send({ pod: name, started: true, lacking: [], checks: [], edge, stream, ...ring });
    }
  }
}

function upAt(podIP: string): object {
  const lastTransitionTime = new Date().toISOString();
  const startedAt = lastTransitionTime;
  const container = {
    ...{ name: 'gateway', image: 'gateway', imageID: '', restartCount: 0 },
    ...{ ready: true, started: true, state: { running: { startedAt } } },
  };
  return {
    ...{ phase: 'Running', podIP, podIPs: [{ ip: podIP }] },
    conditions: ['PodScheduled', 'Initialized', 'ContainersReady', 'Ready'].map((type) => ({
      ...{ type, status: 'True', lastTransitionTime },
    })),
    containerStatuses: [container],
  };
}

const told = (ring: string) => ({ version: decodeRing(ring).version, digest: ringDigest(ring) });

/** As a gateway does: never back. */
function take(gateway: StandInGateway, ring: string): object {
  const given = told(ring);
  if (gateway.ring === undefined) {
    gateway.ring = ring;
    return { outcome: 'newer', ...given };
  }
  const held = told(gateway.ring);
  const order = compareVersions(given.version, held.version);
  if (order > 0) gateway.ring = ring;
  if (order > 0) return { outcome: 'newer', ...given };
  if (order < 0) return { outcome: 'older', ...held };
  return { outcome: given.digest === held.digest ? 'same' : 'conflict', ...held };
}

function close(server: Server): void {
  server.closeAllConnections();
  server.close();
}
