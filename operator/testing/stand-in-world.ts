import { firstRing } from '../../protocol/ring.ts';
import { decodeRing, encodeRing, ringDigest } from '../../protocol/ring-document.ts';
import { minimal, stored } from '../api/testing/samples.ts';
import type { WsClusterSpecInput, WsClusterStatus } from '../api/wscluster.ts';
import {
  type GatewayClient,
  GatewayError,
  type GatewayStatus,
} from '../gateways/gateway-client.ts';
import { isRecord, type KubeObject } from '../kube/objects.ts';
import { StandInApi } from '../kube/testing/stand-in-api.ts';

export const NAMESPACE = 'rooms';
const CLUSTERS = `/apis/wscluster.io/v1alpha1/namespaces/${NAMESPACE}/wsclusters`;
const APPS = `/apis/apps/v1/namespaces/${NAMESPACE}`;
const CORE = `/api/v1/namespaces/${NAMESPACE}`;

/** A gateway as its admin port shows it. */
interface StandInGateway {
  status: Partial<GatewayStatus>;
  ring: string | undefined;
  /** It does not answer. */
  deaf: boolean;
}

/**
 * What the operator lives in, in the memory of a test: an API server, the controllers of Kubernetes
 * in so far as a test plays them, and gateways.
 */
export class StandInWorld {
  readonly api = new StandInApi();
  readonly gateways = new Map<string, StandInGateway>();
  #addresses = 0;

  cluster(spec: Partial<WsClusterSpecInput> = {}, name = 'chat'): void {
    const path = `${CLUSTERS}/${name}`;
    const was = this.api.get(path);
    const fresh = stored({ ...minimal, ...spec });
    const { uid: _, resourceVersion: __, ...metadata } = fresh.metadata;
    const generation = (was?.metadata.generation ?? 0) + 1;
    const given = { ...was?.metadata, ...metadata, name, generation };
    this.api.put(path, { ...was, ...fresh, metadata: given });
  }

  annotate(annotations: Readonly<Record<string, string>>, name = 'chat'): void {
    const path = `${CLUSTERS}/${name}`;
    const was = this.api.get(path);
    this.api.put(path, { ...was, metadata: { ...was?.metadata, annotations } });
  }

  status(name = 'chat'): WsClusterStatus | undefined {
    const cluster: KubeObject & { readonly status?: WsClusterStatus } = this.api.get(
      `${CLUSTERS}/${name}`,
    ) ?? { metadata: {} };
    return cluster.status;
  }

  condition(type: string): string {
    const found = this.status()?.conditions?.find((condition) => condition.type === type);
    return found === undefined ? 'none' : `${found.status} ${found.reason}`;
  }

  remove(name = 'chat'): void {
    this.api.remove(`${CLUSTERS}/${name}`);
  }

  deployments(): KubeObject[] {
    return this.api.all(`${APPS}/deployments`);
  }

  object(collection: string, name: string): KubeObject | undefined {
    return this.api.all(collection).find(({ metadata }) => metadata.name === name);
  }

  /** What a Deployment's controller does: its ReplicaSet, if it is not paused. */
  replicaSet(deployment: KubeObject, conditions: readonly object[] = []): KubeObject {
    const { name = '', labels = {} } = deployment.metadata;
    return this.api.put(`${APPS}/replicasets/${name}-1`, {
      apiVersion: 'apps/v1',
      kind: 'ReplicaSet',
      metadata: { labels, ownerReferences: [owner(deployment, 'Deployment')] },
      status: { replicas: 0, conditions },
    });
  }

  /** A pod of it, that runs and is ready; `status` says otherwise. */
  pod(replicaSet: KubeObject, name: string, status: object = {}): KubeObject {
    const path = `${CORE}/pods/${name}`;
    const was = this.api.get(path);
    const known = isRecord(was) && isRecord(was['status']) ? was['status']['podIP'] : undefined;
    const podIP = typeof known === 'string' ? known : `10.0.0.${++this.#addresses}`;
    if (!this.gateways.has(podIP)) {
      const edge = { connections: 0, sessions: 0, drain: 'serving' };
      const stream = { connected: true, unsuitable: [] };
      const is = { pod: name, started: true, checks: [], edge, stream };
      this.gateways.set(podIP, { status: is, ring: undefined, deaf: false });
    }
    const up = { state: { running: {} }, ready: true };
    return this.api.put(path, {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: {
        labels: replicaSet.metadata.labels,
        ownerReferences: [owner(replicaSet, 'ReplicaSet')],
      },
      status: {
        ...{ phase: 'Running', podIP, containerStatuses: [up] },
        conditions: [{ type: 'Ready', status: 'True' }],
        ...status,
      },
    });
  }

  gateway(pod: KubeObject): StandInGateway {
    const status = 'status' in pod && isRecord(pod.status) ? pod.status['podIP'] : '';
    const found = this.gateways.get(String(status));
    if (found === undefined) throw new Error(`no gateway ${pod.metadata.name}`);
    return found;
  }

  /** The admin ports of all gateways. */
  readonly client: Pick<GatewayClient, 'status' | 'pushRing' | 'drain' | 'stay'> = {
    status: async ({ ip }) => {
      const { status, ring } = this.#answering(ip);
      const base = { pod: '', started: false, lacking: [], checks: [] };
      return { ...base, ...status, ...(ring === undefined ? {} : { ring: reported(ring) }) };
    },
    pushRing: async ({ ip }, ring) => {
      this.#answering(ip).ring = ring;
      return { outcome: 'newer', ...reported(ring) };
    },
    drain: async ({ ip }) => this.#told(ip, 'leaving'),
    stay: async ({ ip }) => this.#told(ip, 'serving'),
  };

  /** A gateway has its clients until a test takes them. */
  #told(ip: string, drain: string) {
    const gateway = this.#answering(ip);
    const { edge = { connections: 0, sessions: 0 } } = gateway.status;
    const phase = drain === 'leaving' && edge.connections === 0 ? 'empty' : drain;
    gateway.status = { ...gateway.status, edge: { ...edge, drain: phase } };
    return { phase, connections: edge.connections };
  }

  #answering(ip: string): StandInGateway {
    const gateway = this.gateways.get(ip);
    if (gateway === undefined || gateway.deaf) throw new GatewayError('connection refused');
    return gateway;
  }
}

/** A ring that nobody in the world made. */
export function foreignRing(cluster: string, generation: number): string {
  const member = { id: 'gone', weight: 100, zone: '', address: '10.9.9.9:8001' };
  return encodeRing(firstRing({ cluster, version: { generation, counter: 1 } }, [member]));
}

const reported = (ring: string) => ({
  version: decodeRing(ring).version,
  digest: ringDigest(ring),
});

function owner({ metadata: { name, uid } }: KubeObject, kind: string): object {
  const apiVersion = 'apps/v1';
  return { apiVersion, kind, name, uid, controller: true, blockOwnerDeletion: true };
}
