import { type Clock, type Random, sleep } from '../protocol/clock.ts';
import { commandKey } from './command-key-secret.ts';
import { conditionSeries } from './condition-series.ts';
import type { CommandKey } from './gateways/command-key.ts';
import { GatewayClient } from './gateways/gateway-client.ts';
import { GatewayReports } from './gateways/gateway-reports.ts';
import { HealthServer } from './health-server.ts';
import { OperatorInformers } from './informers.ts';
import { Applier } from './kube/applier.ts';
import type { ApiServer } from './kube/connection.ts';
import { Controller } from './kube/controller.ts';
import { Election, type Term, whileLeading } from './kube/election.ts';
import { EventRecorder } from './kube/event-recorder.ts';
import { isNotFound } from './kube/kube-error.ts';
import type { Log } from './kube/log.ts';
import type { KubeMetrics } from './kube/metrics.ts';
import { meteredClusterOf } from './metered-cluster.ts';
import { withdraw } from './metrics-api/api-service.ts';
import { MetricsApi } from './metrics-api/metrics-api.ts';
import { TEMPLATE_VERSION } from './reconcile/desired/revision.ts';
import { DrainMarks } from './reconcile/drain-marks.ts';
import { reconciler } from './reconcile/reconcile.ts';
import { childKinds } from './reconcile/resources.ts';
import { StatusWriter } from './reconcile/status-writer.ts';
import type { OperatorSettings } from './settings/declaration.ts';

/** Names that others see: of the field manager, annotation, Lease, metrics and Events. */
export const NAMES = {
  fieldManager: 'wscluster-operator',
  annotation: 'wscluster.io/applied',
  lease: 'wscluster-operator',
  controller: 'wscluster',
  reporter: 'wscluster.io/operator',
} as const;
/** Of the operator's own pods, where it runs in one. */
const OWN_LABELS = { 'app.kubernetes.io/name': 'wscluster-operator' };

/** What is asked of gateways, and told them. */
type Gateways = Pick<GatewayClient, 'status' | 'pushRing' | 'drain' | 'stay'>;

export interface OperatorParts {
  readonly api: ApiServer;
  readonly metrics: KubeMetrics;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Asks and commands gateways with that key. Default: by their admin ports. */
  readonly gateways?: (key: CommandKey) => Gateways;
}

export interface OperatorOptions extends Pick<OperatorSettings, 'host' | 'port' | 'workers'> {
  /** Of its Lease and its Secret. */
  readonly namespace: string;
  /** Empty: all. */
  readonly watchNamespaces: readonly string[];
  readonly gatewayImage: string;
  /** Of this program. */
  readonly version: string;
  /** Service of the metrics API; undefined: there is none. */
  readonly metricsService: string | undefined;
  readonly metricsPort: number;
  /** Of this process alone. */
  readonly identity: string;
}

/** How long the start waits for the API server to have told everything. */
const SYNC_MS = 60_000;
/** Between two looks for a kind that is not there: one question, which everybody may ask. */
const DISCOVERY_MS = 5 * 60_000;

/**
 * The operator: copies that every replica keeps, an election, and the leader's work. The only place
 * that knows all parts.
 */
export class Operator {
  readonly #options: OperatorOptions;
  readonly #parts: OperatorParts;
  readonly #health: HealthServer;
  #informers: OperatorInformers | undefined;
  #metricsApi: MetricsApi | undefined;
  #election: Election | undefined;
  readonly #stopping = new AbortController();
  #discovery: Promise<void> | undefined;
  #lead: { readonly controller: Controller; readonly statuses: StatusWriter } | undefined;

  constructor(options: OperatorOptions, parts: OperatorParts) {
    this.#options = options;
    this.#parts = parts;
    const { host, port } = options;
    conditionSeries(parts.metrics.registry, () => this.#informers?.clusters() ?? []);
    this.#health = new HealthServer({
      ...{ host, port },
      notReady: () => this.#notReady(),
      metrics: () => parts.metrics.registry.metrics(),
    });
  }

  /**
   * Resolves with the port of `/readyz` when the copies are there; rejects when the port is taken,
   * the API server refuses, or says nothing within a minute. Then nothing is left running.
   */
  async start(): Promise<{ readonly port: number }> {
    const { clock } = this.#parts;
    const late = new AbortController();
    const timer = clock.after(SYNC_MS, () => {
      late.abort(new Error(`the API server did not tell everything within ${SYNC_MS} ms`));
    });
    try {
      const port = await this.#health.start();
      const podMonitors = await this.#knowsPodMonitors(late.signal);
      this.#informers = this.#makeInformers(podMonitors);
      this.#informers.start();
      await this.#informers.synced(late.signal);
      this.#metricsApi = await this.#makeMetricsApi(this.#informers, late.signal);
      this.#metricsApi?.start();
      this.#election = this.#makeElection(this.#informers);
      this.#election.start();
      if (!podMonitors) this.#discovery = this.#awaitPodMonitors(this.#informers);
      return { port };
    } catch (error) {
      await this.stop();
      throw error;
    } finally {
      timer.cancel();
    }
  }

  /** Ends the work, releases the Lease, and resolves when nothing is left running. */
  async stop(): Promise<void> {
    this.#stopping.abort(new Error('the operator was stopped'));
    await this.#discovery;
    await this.#election?.stop();
    await this.#metricsApi?.stop();
    await this.#informers?.stop();
    await this.#health.stop();
  }

  #notReady(): string | undefined {
    if (!this.#informers?.areSynced) return 'not everything was listed yet';
    return this.#metricsApi?.problem;
  }

  get leads(): boolean {
    return this.#lead !== undefined;
  }

  #makeInformers(podMonitors: boolean): OperatorInformers {
    const { api, clock, random, log } = this.#parts;
    const { watchNamespaces } = this.#options;
    return new OperatorInformers({
      ...{ api, clock, random, log, podMonitors },
      namespaces: watchNamespaces.length === 0 ? 'all' : watchNamespaces,
      onChange: (key) => this.#lead?.controller.add(key),
      onGone: (uid) => this.#lead?.statuses.forget(uid),
    });
  }

  async #makeMetricsApi(
    informers: OperatorInformers,
    signal: AbortSignal,
  ): Promise<MetricsApi | undefined> {
    const { api, clock, random, log } = this.#parts;
    const { host, namespace, metricsService: name, metricsPort: port } = this.#options;
    if (name === undefined) return undefined;
    const client = this.#gateways(await commandKey(api, namespace, signal));
    return new MetricsApi({
      ...{ api, clock, random, log, host, port, client, service: { namespace, name } },
      clusterOf: (key) => meteredClusterOf(informers, key, clock.wall()),
      onChange: () => {
        for (const cluster of informers.keys()) this.#lead?.controller.add(cluster);
      },
    });
  }

  #gateways(key: CommandKey): Gateways {
    return this.#parts.gateways?.(key) ?? new GatewayClient({ key, clock: this.#parts.clock });
  }

  #makeElection(informers: OperatorInformers): Election {
    const { api, clock, random, log, metrics } = this.#parts;
    const { identity, namespace } = this.#options;
    return new Election({
      ...{ api, clock, random, log, identity, namespace, name: NAMES.lease },
      leading: metrics.lease(NAMES.lease),
      lead: (signal, term) => this.#work(informers, term, signal),
    });
  }

  /** The work of a leader, until the signal. */
  async #work(informers: OperatorInformers, term: Term, signal: AbortSignal): Promise<void> {
    const { clock, random, log } = this.#parts;
    const { identity, namespace } = this.#options;
    const api = whileLeading(this.#parts.api, term, signal);
    const key = await commandKey(api, namespace, signal);
    const gateways = this.#gateways(key);
    const applier = new Applier({ api, ...NAMES });
    const statuses = new StatusWriter({ applier, clock });
    const names = { controller: NAMES.reporter, instance: identity };
    const events = new EventRecorder({ api, clock, random, log, ...names });
    const reconcile = reconciler({
      ...{ copies: informers.copies, applier, api, statuses, events, gateways, clock, log },
      marks: new DrainMarks(api),
      reports: new GatewayReports({ client: gateways, clock }),
      operatorKeys: key.publicKeys,
      basis: { image: this.#options.gatewayImage, templateVersion: TEMPLATE_VERSION },
      operator: { namespace, labels: OWN_LABELS },
      version: this.#options.version,
      metrics: () => this.#metricsApi?.state ?? { kind: 'off' },
    });
    const metrics = this.#leadMetrics(api, applier, signal);
    const controller = this.#controller(reconcile);
    this.#lead = { controller, statuses };
    for (const cluster of informers.keys()) controller.add(cluster);
    controller.start();
    await aborted(signal);
    this.#lead = undefined;
    await controller.stop();
    await events.stop();
    await metrics;
  }

  /** Until the signal. What an operator that served metrics left behind is taken away. */
  async #leadMetrics(api: ApiServer, applier: Applier, signal: AbortSignal): Promise<void> {
    const { namespace, watchNamespaces } = this.#options;
    if (this.#metricsApi !== undefined) return this.#metricsApi.lead(applier, signal);
    // Who looks after some namespaces has no rights beyond them, unless it serves metrics.
    if (watchNamespaces.length > 0) return;
    try {
      await withdraw(api, { namespace, forGood: false, signal });
    } catch (error) {
      if (!signal.aborted) this.#parts.log.info({ err: error }, 'metrics may be registered still');
    }
  }

  #controller(reconcile: ReturnType<typeof reconciler>): Controller {
    const { clock, random, log, metrics } = this.#parts;
    return new Controller({
      ...{ name: NAMES.controller, reconcile, workers: this.#options.workers, clock, random, log },
      counts: metrics.controller(NAMES.controller),
    });
  }

  /** Until there are some: they are made for all WsClusters then, without a restart. */
  async #awaitPodMonitors(informers: OperatorInformers): Promise<void> {
    const { clock, log } = this.#parts;
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      try {
        await sleep(clock, DISCOVERY_MS, signal);
        if (!(await this.#knowsPodMonitors(signal))) continue;
        await informers.addPodMonitors(signal);
        log.info({}, 'PodMonitors are known from now on');
        for (const cluster of informers.keys()) this.#lead?.controller.add(cluster);
        return;
      } catch (error) {
        if (!signal.aborted) log.info({ err: error }, 'looking for PodMonitors again later');
      }
    }
  }

  async #knowsPodMonitors(signal: AbortSignal): Promise<boolean> {
    const { group, version, plural } = childKinds.podMonitors;
    try {
      const path = `/apis/${group}/${version}`;
      const found = await this.#parts.api.call({ method: 'GET', path, signal });
      return JSON.stringify(found).includes(`"name":"${plural}"`);
    } catch (error) {
      if (isNotFound(error)) return false;
      throw error;
    }
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
