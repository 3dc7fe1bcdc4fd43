import { isDeepStrictEqual } from 'node:util';
import { type Clock, type Random, sleep } from '../../protocol/clock.ts';
import type { GatewayClient } from '../gateways/gateway-client.ts';
import type { Applier } from '../kube/applier.ts';
import type { ApiServer } from '../kube/connection.ts';
import { Informer } from '../kube/informer.ts';
import type { Log } from '../kube/log.ts';
import type { KubeObject } from '../kube/objects.ts';
import { Access } from './access.ts';
import type { ServiceName } from './api-service.ts';
import { CertificateStore } from './certificate-store.ts';
import { ClusterLoads, type ClusterLoadsOptions } from './cluster-loads.ts';
import { configMaps, FRONT_PROXY, type FrontProxy, frontProxyIn } from './front-proxy.ts';
import { MetricsServer, type Trust } from './metrics-server.ts';
import { Registration, type RegistrationState } from './registration.ts';

export interface MetricsApiOptions {
  readonly host: string;
  readonly port: number;
  readonly service: ServiceName;
  readonly api: ApiServer;
  readonly client: Pick<GatewayClient, 'status'>;
  readonly clusterOf: ClusterLoadsOptions['clusterOf'];
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** `state` is another one. */
  readonly onChange: () => void;
}

/** Between two looks at the Secret: another replica may have renewed what is in it. */
const RENEW_MS = 60_000;
/** After a failure. */
const AGAIN_MS = 5_000;

/** The metrics API of one replica; the one that leads also tells the API server of it. */
export class MetricsApi {
  readonly #options: MetricsApiOptions;
  readonly #registration: Registration;
  readonly #frontProxy: Informer<KubeObject>;
  readonly #store: CertificateStore;
  readonly #server: MetricsServer;
  readonly #stopping = new AbortController();
  #running: Promise<void> | undefined;
  #trust: Trust | undefined;
  #port: number | undefined;
  #problem = 'metrics: not started yet';

  constructor(options: MetricsApiOptions) {
    this.#options = options;
    const { api, clock, random, log, host, port, client, clusterOf, service } = options;
    this.#registration = new Registration(options);
    this.#frontProxy = new Informer({
      ...{ api, clock, random, log, resource: configMaps },
      namespaces: [FRONT_PROXY.namespace],
      fieldSelector: `metadata.name=${FRONT_PROXY.name}`,
      handlers: [() => this.#takeFrontProxy()],
    });
    const called = `${service.name}.${service.namespace}.svc`;
    this.#store = new CertificateStore({
      ...{ api, clock, namespace: service.namespace },
      names: [called, `${called}.cluster.local`],
    });
    this.#server = new MetricsServer({
      ...{ host, port, clock, log },
      access: new Access({ api, clock }),
      loads: new ClusterLoads({ client, clock, clusterOf }),
    });
  }

  start(): void {
    this.#registration.start();
    this.#frontProxy.start();
    this.#running = this.#run();
  }

  /** Why nothing is served; undefined: it is. */
  get problem(): string | undefined {
    if (this.#port !== undefined) return undefined;
    const { synced, errors } = this.#frontProxy.state;
    const [error] = errors;
    return synced || error === undefined ? this.#problem : `metrics: ${error.message}`;
  }

  /** Undefined while nothing is served. */
  get port(): number | undefined {
    return this.#port;
  }

  get state(): RegistrationState {
    return this.#registration.state;
  }

  /** Tells the API server, until the signal. */
  lead(applier: Pick<Applier, 'apply'>, signal: AbortSignal): Promise<void> {
    const authorities = () =>
      this.#port === undefined ? undefined : this.#trust?.certificates.authorities;
    return this.#registration.lead(applier, authorities, signal);
  }

  async stop(): Promise<void> {
    this.#stopping.abort(new Error('the metrics API was stopped'));
    await this.#running;
    await this.#registration.stop();
    await this.#frontProxy.stop();
    await this.#server.stop();
  }

  /** Serves as soon as it can, and renews its certificates in time. */
  async #run(): Promise<void> {
    const { clock, log } = this.#options;
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      try {
        await this.#frontProxy.synced(signal);
        await this.#takeCertificates(signal);
        await sleep(clock, RENEW_MS, signal);
      } catch (error) {
        if (signal.aborted) return;
        this.#problem = `metrics: ${error instanceof Error ? error.message : String(error)}`;
        log.warn({ err: error }, 'the metrics API cannot serve, or renew what it serves with');
        await sleep(clock, AGAIN_MS, signal).catch(() => undefined);
      }
    }
  }

  async #takeCertificates(signal: AbortSignal): Promise<void> {
    const certificates = await this.#store.current(signal);
    if (this.#port === undefined) {
      this.#trust = { certificates, frontProxy: this.#readFrontProxy() };
      this.#port = await this.#server.start(this.#trust);
      this.#options.log.info({ port: this.#port }, 'serving metrics');
      this.#registration.look();
    } else if (!isDeepStrictEqual(certificates, this.#trust?.certificates)) {
      this.#options.log.info({}, 'certificates of the metrics API were renewed');
      this.#renew({ certificates, frontProxy: this.#trust?.frontProxy });
    }
  }

  #takeFrontProxy(): void {
    const frontProxy = this.#readFrontProxy();
    if (this.#trust === undefined || isDeepStrictEqual(frontProxy, this.#trust.frontProxy)) return;
    this.#options.log.info({}, 'who speaks for the API server has changed');
    this.#renew({ ...this.#trust, frontProxy });
  }

  #renew(trust: Trust): void {
    this.#trust = trust;
    this.#server.renew(trust);
    this.#registration.look();
  }

  #readFrontProxy(): FrontProxy | undefined {
    const { namespace, name } = FRONT_PROXY;
    try {
      return frontProxyIn(this.#frontProxy.get(`${namespace}/${name}`));
    } catch (error) {
      this.#options.log.warn({ err: error }, 'the API server cannot be told from others');
      return undefined;
    }
  }
}
