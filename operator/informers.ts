import type { WsCluster } from './api/wscluster.ts';
import { Informer, type InformerOptions } from './kube/informer.ts';
import type { ChangeHandler } from './kube/object-cache.ts';
import type { KubeObject } from './kube/objects.ts';
import type { Resource } from './kube/resource.ts';
import {
  type Copies,
  clusterKeyOf,
  type ObservedPod,
  type ReplicaSet,
} from './reconcile/copies.ts';
import { CLUSTER_LABEL } from './reconcile/desired/names.ts';
import {
  type ChildKind,
  childKinds,
  pods,
  replicaSets,
  wsClusters,
} from './reconcile/resources.ts';
import { withReplicasOwners } from './reconcile/scaling.ts';

export interface OperatorInformersOptions
  extends Pick<InformerOptions<KubeObject>, 'api' | 'namespaces' | 'clock' | 'random' | 'log'> {
  /** Whether Prometheus' operator is there. */
  readonly podMonitors: boolean;
  /** Something about a WsCluster, or made for it, changed. `namespace/name`. */
  readonly onChange: (key: string) => void;
  /** It is gone, for good. */
  readonly onGone: (uid: string) => void;
}

/** Undefined where a kind is not known. */
type Children = { [Kind in ChildKind]: Informer<KubeObject> | undefined };
type AnyInformer = Pick<Informer<KubeObject>, 'start' | 'stop' | 'synced' | 'state'>;

/** Copies of all that the operator reads: WsClusters, and what has the label of one. */
export class OperatorInformers {
  readonly copies: Copies;
  readonly #clusters: Informer<WsCluster>;
  readonly #pods: Informer<ObservedPod>;
  readonly #all: AnyInformer[];
  readonly #children: Children;
  readonly #ofChild: (kind: ChildKind) => Informer<KubeObject>;

  constructor(options: OperatorInformersOptions) {
    const { podMonitors, onChange, onGone, ...shared } = options;
    const labelled = <T extends KubeObject>(resource: Resource) =>
      new Informer<T>({
        ...{ ...shared, resource, labelSelector: CLUSTER_LABEL },
        handlers: [tellOwner(onChange)],
      });
    this.#clusters = new Informer<WsCluster>({
      ...{ ...shared, resource: wsClusters, trim: withReplicasOwners },
      handlers: [
        ({ key, was, is }) => {
          if (was !== undefined && was.metadata.uid !== is?.metadata.uid) onGone(was.metadata.uid);
          onChange(key);
        },
      ],
    });
    const ofPods = labelled<ObservedPod>(pods);
    this.#pods = ofPods;
    const ofReplicaSets = labelled<ReplicaSet>(replicaSets);
    this.#ofChild = (kind) => labelled<KubeObject>(childKinds[kind]);
    const kinds = Object.keys(childKinds) as ChildKind[];
    const children = kinds.map((kind) => {
      const known = kind !== 'podMonitors' || podMonitors;
      return [kind, known ? this.#ofChild(kind) : undefined] as const;
    });
    this.#all = [
      ...[this.#clusters, ofPods, ofReplicaSets],
      ...children.flatMap(([, informer]) => informer ?? []),
    ];
    this.#children = Object.fromEntries(children) as Children;
    this.copies = {
      clusters: this.#clusters,
      pods: ofPods,
      replicaSets: ofReplicaSets,
      children: this.#children,
    };
  }

  start(): void {
    for (const informer of this.#all) informer.start();
  }

  async stop(): Promise<void> {
    await Promise.all(this.#all.map((informer) => informer.stop()));
  }

  /** Resolves once everything was listed; rejects with the signal's reason. */
  async synced(signal: AbortSignal): Promise<void> {
    await Promise.all(this.#all.map((informer) => informer.synced(signal)));
  }

  /**
   * Prometheus' operator came later. Resolves when its objects are known; rejects with the signal's
   * reason, and they are not then.
   */
  async addPodMonitors(signal: AbortSignal): Promise<void> {
    const informer = this.#ofChild('podMonitors');
    informer.start();
    try {
      await informer.synced(signal);
    } catch (error) {
      await informer.stop();
      throw error;
    }
    this.#all.push(informer);
    // Only now: what is not in it does not exist.
    this.#children.podMonitors = informer;
  }

  get areSynced(): boolean {
    return this.#all.every(({ state }) => state.synced);
  }

  /** Milliseconds since the API server last spoke of pods, or of WsClusters. */
  get ageMs(): number {
    return Math.max(this.#pods.state.ageMs, this.#clusters.state.ageMs);
  }

  clusters(): readonly WsCluster[] {
    return this.#clusters.list();
  }

  /** `namespace/name` of every WsCluster. */
  keys(): string[] {
    return this.clusters().map(({ metadata }) => `${metadata.namespace}/${metadata.name}`);
  }
}

/** Also the one whose label it had. */
function tellOwner<T extends KubeObject>(onChange: (key: string) => void): ChangeHandler<T> {
  return ({ was, is }) => {
    const keys = [was, is].flatMap((object) => (object && clusterKeyOf(object)) ?? []);
    for (const key of new Set(keys)) onChange(key);
  };
}
