import { minimal } from '../../operator/api/testing/samples.ts';
import {
  kind,
  versions,
  type WsCluster,
  type WsClusterSpecInput,
} from '../../operator/api/wscluster.ts';
import { pathOf } from '../../operator/kube/resource.ts';
import type { ConditionType } from '../../operator/reconcile/condition.ts';
import { wsClusters } from '../../operator/reconcile/resources.ts';
import { until } from '../deadline.ts';
import { type ClusterName, conditionOf, type Found, reaches } from './cluster-state.ts';
import { DEFINITION, installDefinition, refuseDefinition } from './definition.ts';
import { eventsAbout } from './events.ts';
import { type Connected, connect } from './kube-target.ts';
import { knowMonitoring } from './monitoring-kinds.ts';
import { startTarget, type Target } from './target.ts';
import { namespace } from './workload.ts';

export interface WorldOptions {
  readonly nodes: number;
  readonly namespaces: readonly string[];
}

/** A cluster that knows WsClusters, and the hand of a test in it. */
export class OperatorWorld {
  readonly target: Target;
  readonly hand: Connected;
  readonly #namespaces: readonly string[];

  private constructor(target: Target, hand: Connected, namespaces: readonly string[]) {
    this.target = target;
    this.hand = hand;
    this.#namespaces = namespaces;
  }

  static async start({ nodes, namespaces }: WorldOptions): Promise<OperatorWorld> {
    const target = await startTarget({ nodes });
    try {
      return await OperatorWorld.#furnish(target, namespaces);
    } catch (error) {
      await target.stop();
      throw error;
    }
  }

  static async #furnish(target: Target, namespaces: readonly string[]): Promise<OperatorWorld> {
    await refuseDefinition(target.kubectl);
    await target.kubectl.apply(...namespaces.map(namespace));
    await installDefinition(target.kubectl);
    return new OperatorWorld(target, await connect(target), namespaces);
  }

  async stop(): Promise<void> {
    await this.hand.transport.close();
    const { target } = this;
    // One of its own goes as a whole.
    if (target.lab === undefined) {
      await target.kubectl('delete', DEFINITION, '--ignore-not-found', '--timeout=60s');
      const names = [...this.#namespaces, '--ignore-not-found', '--wait=false'];
      await target.kubectl('delete', 'namespace', ...names);
    }
    await target.stop();
  }

  async create(at: ClusterName, spec: Partial<WsClusterSpecInput> = {}): Promise<void> {
    const apiVersion = `${kind.group}/${versions.stored}`;
    const body = { apiVersion, kind: kind.kind, metadata: at, spec: { ...minimal, ...spec } };
    const path = pathOf(wsClusters, { namespace: at.namespace });
    await this.hand.api.call({ method: 'POST', path, body });
  }

  /** A merge patch of its spec. */
  async change(at: ClusterName, spec: object): Promise<void> {
    const patch = 'merge-patch+json' as const;
    const path = pathOf(wsClusters, { ...at });
    await this.hand.api.call({ method: 'PATCH', path, patch, body: { spec } });
  }

  async read(at: ClusterName): Promise<WsCluster> {
    const path = pathOf(wsClusters, { ...at });
    return (await this.hand.api.call({ method: 'GET', path })) as WsCluster;
  }

  async remove(at: ClusterName): Promise<void> {
    await this.hand.api.call({ method: 'DELETE', path: pathOf(wsClusters, { ...at }) });
  }

  async condition(at: ClusterName, type: ConditionType): Promise<Found> {
    return conditionOf(await this.read(at), type);
  }

  /** Resolves with its message. */
  reaches(at: ClusterName, type: ConditionType, is: string): Promise<string> {
    return reaches(() => this.read(at), { type, is, deadlineMs: 60_000, everyMs: 100 });
  }

  /** Events about it: reason and message. */
  async events(at: ClusterName): Promise<string[]> {
    const events = await eventsAbout(this.target.kubectl, at);
    return events.map(({ reason, message }) => `${reason}: ${message}`);
  }

  /** Resolves when an Event says so. */
  async told(at: ClusterName, what: RegExp): Promise<void> {
    await until(async () => (await this.events(at)).some((line) => what.test(line)), {
      for: `an Event ${what}`,
      ...{ deadlineMs: 20_000, everyMs: 250 },
    });
  }

  async putSecret(at: ClusterName, stringData: Readonly<Record<string, string>>): Promise<void> {
    await this.target.kubectl.apply({
      ...{ apiVersion: 'v1', kind: 'Secret', metadata: at },
      stringData,
    });
  }

  /** Prometheus' operator's kind, as far as it matters: anything is one. */
  async knowPodMonitors(): Promise<void> {
    await knowMonitoring(this.target.kubectl, ['PodMonitor']);
  }
}
