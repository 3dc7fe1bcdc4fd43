import { minimal, stored } from '../../operator/api/testing/samples.ts';
import type {
  WsCluster,
  WsClusterSpecInput,
  WsClusterStatus,
} from '../../operator/api/wscluster.ts';
import type { ApiServer, Call, Watching } from '../../operator/kube/connection.ts';
import { type KubeError, refused } from '../../operator/kube/kube-error.ts';
import { isRecord, type KubeObject } from '../../operator/kube/objects.ts';
import { StandInApi } from '../../operator/kube/testing/stand-in-api.ts';
import { RING_KEYS } from '../../operator/reconcile/desired/mounts.ts';
import {
  CLUSTER_LABEL,
  DRAINING_LABEL,
  DRAINING_SINCE,
  DRAINING_WHY,
  REVISION_LABEL,
} from '../../operator/reconcile/desired/names.ts';
import { timeText } from '../../operator/reconcile/times.ts';
import { firstRing } from '../../protocol/ring.ts';
import { encodeRing } from '../../protocol/ring-document.ts';
import { ManualClock } from '../../protocol/testing/manual-clock.ts';
import type { Complaint } from '../complaint.ts';
import { run } from '../run.ts';

const NAMESPACE = 'rooms';
const CLUSTERS = `/apis/wscluster.io/v1alpha1/namespaces/${NAMESPACE}/wsclusters`;
const CORE = `/api/v1/namespaces/${NAMESPACE}`;
/** A minute before the clock begins. */
const BEFORE_MS = 60_000;

/** What a gateway answers by the pod proxy: JSON, or an error. */
export type Answering = (call: Call) => unknown;

interface Gateway {
  readonly revision?: string;
  readonly ready?: boolean;
  readonly connections?: number;
  readonly ring?: string;
  /** Why it is being emptied. */
  readonly why?: string;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly deletionTimestamp?: string;
  readonly status?: object;
  readonly admin?: Answering;
  readonly client?: Answering;
}

/** What somebody was told. */
export interface Said {
  readonly code: number;
  readonly out: string;
  readonly errors: string;
}

/** A terminal with the program in it, and a namespace that it is about. */
export class StandInDesk implements ApiServer {
  readonly api = new StandInApi();
  readonly clock = new ManualClock();
  env: Record<string, string> = {};
  isTTY = false;
  /** Connecting ends with it. */
  refusal: Complaint | undefined;
  out = '';
  readonly #ports = new Map<string, Answering>();

  call(call: Call): Promise<unknown> {
    const [, name, port] = /\/pods\/([^/]+)%3A(\d+)\/proxy\//.exec(call.path) ?? [];
    if (name === undefined) return this.#plain(call);
    const answering = this.#ports.get(`${name}:${port}`);
    const nobody = 'error trying to reach service: dial tcp: connect: connection refused';
    if (answering === undefined) return Promise.reject(this.refused(503, nobody));
    return Promise.resolve().then(() => answering(call));
  }

  /** The API server alone; it chooses by the labels that are asked for. */
  async #plain(call: Call): Promise<unknown> {
    const answer = await this.api.call(call);
    const [label = '', value] = String(call.query?.['labelSelector'] ?? '').split('=');
    if (label === '' || !isRecord(answer) || !Array.isArray(answer['items'])) return answer;
    const items = (answer['items'] as KubeObject[]).filter(({ metadata }) => {
      const is = metadata.labels?.[label];
      return value === undefined ? is !== undefined : is === value;
    });
    return { ...answer, items };
  }

  watch(watching: Watching) {
    return this.api.watch(watching);
  }

  /** As an API server refuses; or, with `answer`, as a gateway behind it. */
  refused(code: number, message: string, answer?: string): KubeError {
    const status = answer === undefined ? { status: { message } } : { status: undefined };
    const text = answer === undefined ? {} : { text: answer };
    return refused({ code, what: 'GET /somewhere', wallMs: 0, ...status, ...text });
  }

  cluster(name: string, given: Partial<WsClusterStatus> = {}, more: More = {}): void {
    const { spec, annotations = {}, generation = 1 } = more;
    const fresh = stored({ ...minimal, ...spec });
    const { uid: _, resourceVersion: __, ...metadata } = fresh.metadata;
    this.api.put(`${CLUSTERS}/${name}`, {
      ...fresh,
      metadata: { ...metadata, name, generation, annotations },
      status: { observedGeneration: 1, ...given },
    });
  }

  read(name: string): WsCluster {
    return this.api.get(`${CLUSTERS}/${name}`) as KubeObject & WsCluster;
  }

  pod(name: string): KubeObject | undefined {
    return this.api.get(`${CORE}/pods/${name}`);
  }

  /** A pod of `chat` that runs, and answers. */
  gateway(name: string, gateway: Gateway = {}): void {
    const { revision = 'new', ready = true, why, deletionTimestamp } = gateway;
    const since = timeText(this.clock.wall() - BEFORE_MS);
    const marked = why === undefined ? {} : { [DRAINING_SINCE]: since, [DRAINING_WHY]: why };
    const label = why === undefined ? {} : { [DRAINING_LABEL]: 'true' };
    this.api.put(`${CORE}/pods/${name}`, {
      metadata: {
        creationTimestamp: since,
        labels: { [CLUSTER_LABEL]: 'chat', [REVISION_LABEL]: revision, ...label },
        annotations: { ...marked, ...gateway.annotations },
        ...(deletionTimestamp === undefined ? {} : { deletionTimestamp }),
      },
      status: gateway.status ?? {
        ...{ phase: 'Running', podIP: '10.0.0.1' },
        containerStatuses: [{ state: { running: {} }, ready }],
        conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }],
      },
    });
    const { admin = () => adminStatus(name, gateway), client } = gateway;
    this.#ports.set(`${name}:9001`, admin);
    if (client !== undefined) this.#ports.set(`${name}:8001`, client);
  }

  /** Nobody listens there any more. */
  silence(name: string): void {
    this.#ports.delete(`${name}:9001`);
  }

  remove(name: string): void {
    this.api.remove(`${CORE}/pods/${name}`);
  }

  plainPod(name: string): void {
    this.api.put(`${CORE}/pods/${name}`, { metadata: { labels: { app: 'web' } } });
  }

  ring(members: readonly string[], counter = 7): void {
    const start = { cluster: 'c', version: { generation: 1, counter } };
    const all = members.map((id) => ({ id, weight: 100, zone: '', address: `${id}:8001` }));
    const data = { [RING_KEYS.ring]: encodeRing(firstRing(start, all)) };
    this.api.put(`${CORE}/configmaps/chat-ring`, { data });
  }

  /** The program, as if somebody had typed it. */
  async run(words: string): Promise<Said> {
    this.out = '';
    let errors = '';
    const { env, clock, isTTY } = this;
    const write = (text: string) => {
      this.out += text;
    };
    const code = await run(words.split(' ').filter(Boolean), {
      ...{ env, clock, stdout: { isTTY, write } },
      stderr: {
        write: (text) => {
          errors += text;
        },
      },
      connect: async () => {
        if (this.refusal !== undefined) throw this.refusal;
        return { api: this, namespace: NAMESPACE, close: () => Promise.resolve() };
      },
    });
    return { code, out: this.out, errors };
  }
}

interface More {
  readonly spec?: Partial<WsClusterSpecInput>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly generation?: number;
}

function adminStatus(pod: string, { connections = 0, why, ring = '1.7' }: Gateway): object {
  const [generation, counter] = ring.split('.').map(Number);
  const drain = why === undefined ? 'serving' : 'leaving';
  return {
    ...{ pod, started: true, checks: [] },
    edge: { connections, sessions: connections, drain },
    ring: { version: { generation, counter } },
  };
}
