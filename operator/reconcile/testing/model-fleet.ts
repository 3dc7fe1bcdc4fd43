import type { Random } from '../../../protocol/clock.ts';
import { minimal, stored } from '../../api/testing/samples.ts';
import type { WsClusterSpecInput } from '../../api/wscluster.ts';
import type { Deployment } from '../copies.ts';
import { REVISION_LABEL } from '../desired/names.ts';
import { type Fleet, fleetOf } from '../fleet.ts';
import type { FleetInput } from '../fleet-input.ts';
import type { GatewayView } from '../gateways.ts';
import type { Plan } from '../plan.ts';
import { superseded } from '../rollout.ts';
import { gatewayStatus, gatewayView, NOW } from './gateway-views.ts';

/** A pod as the model has it. */
interface ModelPod {
  readonly name: string;
  readonly revision: string;
  readonly createdAt: number;
  readonly zone: string;
  readySince: number;
  /** No node, or an image that is not there yet. */
  pending: boolean;
  ready: boolean;
  connections: number;
  drain: 'serving' | 'leaving' | 'empty';
  mark: GatewayView['mark'];
  requested: boolean;
  sparedAt: number | undefined;
}

export interface ModelOptions {
  readonly random: Random;
  readonly spec?: Partial<WsClusterSpecInput>;
}

const STEP_MS = 2_000;

/**
 * What `fleetOf` decides, carried out as Kubernetes would: Deployments make pods and take them away
 * in the order of a ReplicaSet's controller, gateways become ready and empty themselves. One step
 * is one look of the operator.
 */
export class ModelFleet {
  readonly #random: Random;
  readonly pods: ModelPod[] = [];
  readonly replicas = new Map<string, number>();
  /** Revisions whose pods never become ready. */
  readonly broken = new Set<string>();
  readonly spec: ReturnType<typeof stored>['spec'];
  plan: Plan;
  stopped: FleetInput['stopped'] = undefined;
  now = NOW;
  last: Fleet | undefined;
  /** Gateways as the operator knew them when it had marked some. */
  marked: readonly GatewayView[] = [];
  /** Pods that were taken away in the place of others that were empty, and were not. */
  readonly mistaken: string[] = [];
  #names = 0;

  constructor({ random, spec = {} }: ModelOptions) {
    this.#random = random;
    this.spec = stored({ ...minimal, ...spec }).spec;
    const basis = { image: 'i', templateVersion: 1 };
    this.plan = { replicas: 3, revision: 'r1', asked: 'r1', basis, stable: undefined };
  }

  want(change: Partial<Plan>): void {
    this.plan = { ...this.plan, ...change };
  }

  get available(): number {
    return this.pods.filter(({ ready, mark }) => ready && mark === undefined).length;
  }

  of(revision: string): ModelPod[] {
    return this.pods.filter((pod) => pod.revision === revision);
  }

  /** The operator looks, and everybody does a little. */
  step(): Fleet {
    const fleet = this.#look();
    this.#deployments();
    for (const pod of this.pods) {
      this.#probe(pod);
      this.#live(pod);
    }
    this.now += STEP_MS;
    return fleet;
  }

  /** Whether `steps` looks are enough until nothing is left to do. */
  settles(steps: number): boolean {
    for (let n = 0; n < steps; n += 1) {
      this.step();
      if (this.isSettled) return true;
    }
    return false;
  }

  get isSettled(): boolean {
    const { replicas, revision } = this.plan;
    const own = this.pods.filter((pod) => pod.revision === revision && pod.mark === undefined);
    return own.length === replicas && this.pods.length === replicas && this.replicas.size === 1;
  }

  #look(): Fleet {
    const { plan, spec, stopped, now: wallMs } = this;
    const deployments = [...this.replicas].map(
      ([revision, replicas]): Deployment => ({
        metadata: { name: revision, labels: { [REVISION_LABEL]: revision } },
        spec: { replicas, selector: {}, template: {} },
      }),
    );
    const gateways = this.pods.map((pod) => this.#view(pod));
    const fleet = fleetOf({ plan, spec, gateways, deployments, stopped, wallMs });
    this.last = fleet;
    const podOf = new Map(this.pods.map((pod) => [pod.name, pod]));
    for (const { gateway, reason } of fleet.victims) {
      const pod = podOf.get(gateway.name);
      if (pod === undefined) throw new Error(`nobody is called ${gateway.name}`);
      Object.assign(pod, { mark: { reason, since: wallMs }, drain: 'leaving' });
    }
    for (const { name } of fleet.recalled) {
      const pod = podOf.get(name);
      if (pod === undefined) continue;
      const sparedAt = pod.mark?.reason === 'Requested' ? wallMs : pod.sparedAt;
      Object.assign(pod, { mark: undefined, drain: 'serving', sparedAt });
    }
    this.marked = this.pods.map((pod) => this.#view(pod));
    for (const [revision, count] of fleet.replicas) this.replicas.set(revision, count);
    for (const { metadata } of superseded(plan, deployments, fleet)) {
      this.replicas.delete(metadata.name ?? '');
    }
    return fleet;
  }

  /** Probes come later than what they tell. */
  #probe(pod: ModelPod): void {
    if (pod.drain === 'serving' || !pod.ready || this.#random() < 0.5) return;
    Object.assign(pod, { ready: false, readySince: this.now });
  }

  #view(pod: ModelPod): GatewayView {
    const { name, connections, drain, ...facts } = pod;
    const edge = { connections, sessions: 0, drain };
    return gatewayView(name, {
      ...facts,
      up: !pod.pending,
      phase: phaseOf(pod),
      report: { status: gatewayStatus({ edge }) },
    });
  }

  #deployments(): void {
    for (const revision of new Set([
      ...this.replicas.keys(),
      ...this.pods.map((p) => p.revision),
    ])) {
      const wanted = this.replicas.get(revision) ?? 0;
      while (this.of(revision).length < wanted) this.#create(revision);
      const own = this.of(revision).sort(
        (a, b) =>
          Number(b.pending) - Number(a.pending) ||
          Number(a.ready) - Number(b.ready) ||
          Number(a.mark === undefined) - Number(b.mark === undefined) ||
          b.readySince - a.readySince,
      );
      const taken = own.slice(0, own.length - wanted);
      const left = own.slice(taken.length).filter(({ mark, drain }) => mark && drain === 'empty');
      for (const pod of taken) {
        if (pod.mark === undefined && left.length > 0) this.mistaken.push(pod.name);
        this.kill(pod);
      }
    }
  }

  #create(revision: string): void {
    this.#names += 1;
    this.pods.push({
      ...{ name: `${revision}-${this.#names}`, revision, createdAt: this.now },
      ...{ zone: `z${this.#names % 3}`, readySince: this.now },
      ...{ pending: true, ready: false, connections: 0, drain: 'serving' },
      ...{ mark: undefined, requested: false, sparedAt: undefined },
    });
  }

  kill(pod: ModelPod): void {
    this.pods.splice(this.pods.indexOf(pod), 1);
  }

  #live(pod: ModelPod): void {
    if (pod.pending) {
      if (this.#random() < 0.7) pod.pending = false;
    } else if (pod.drain === 'leaving') {
      pod.connections = Math.floor(pod.connections / 2);
      if (pod.connections === 0) pod.drain = 'empty';
    } else if (pod.drain === 'serving' && !pod.ready && !this.broken.has(pod.revision)) {
      if (this.#random() < 0.5) Object.assign(pod, { ready: true, readySince: this.now });
    } else if (pod.ready) {
      pod.connections = Math.max(1, pod.connections + Math.floor(this.#random() * 7) - 2);
    }
  }
}

function phaseOf({ mark, pending }: ModelPod): GatewayView['phase'] {
  if (mark !== undefined) return 'leaving';
  return pending ? 'waiting' : 'running';
}
