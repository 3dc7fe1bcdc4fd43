import { type Clock, type Random, sleep } from '../../protocol/clock.ts';
import type { Applier } from '../kube/applier.ts';
import type { ApiServer } from '../kube/connection.ts';
import { Informer } from '../kube/informer.ts';
import type { Log } from '../kube/log.ts';
import {
  API_SERVICE,
  type ApiService,
  apiService,
  apiServices,
  isOurs,
  isWithdrawn,
  ownerOf,
  type ServiceName,
} from './api-service.ts';

export interface RegistrationOptions {
  readonly api: ApiServer;
  readonly service: ServiceName;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** The state is another one. */
  readonly onChange: () => void;
}

/** Whether the API server asks this operator for External metrics, and why not. */
export type RegistrationState =
  | { readonly kind: 'served' }
  /** It is told to, and cannot. */
  | { readonly kind: 'unavailable'; readonly message: string }
  | { readonly kind: 'foreign'; readonly owner: string }
  /** It was another's, or was withdrawn, and is nobody's: who wants it taken restarts operators. */
  | { readonly kind: 'left' }
  | { readonly kind: 'pending'; readonly message: string };

const AGAIN_MS = 30_000;

/** The APIService: made once this operator serves, kept true, and never taken from others. */
export class Registration {
  readonly #options: RegistrationOptions;
  readonly #informer: Informer<ApiService>;
  /** As it was seen last, also by those who do not lead. */
  #seen: ApiService | undefined;
  #failure: string | undefined;
  #wake = Promise.withResolvers<void>();

  constructor(options: RegistrationOptions) {
    this.#options = options;
    const { api, clock, random, log } = options;
    this.#informer = new Informer<ApiService>({
      ...{ api, clock, random, log, resource: apiServices, namespaces: 'all' },
      fieldSelector: `metadata.name=${API_SERVICE}`,
      handlers: [
        ({ was, is }) => {
          this.#seen = is ?? was;
          this.look();
          options.onChange();
        },
      ],
    });
  }

  start(): void {
    this.#informer.start();
  }

  stop(): Promise<void> {
    return this.#informer.stop();
  }

  get state(): RegistrationState {
    const there = this.#informer.get(API_SERVICE);
    const { namespace } = this.#options.service;
    if (there === undefined) {
      if (this.#isLeft()) return { kind: 'left' };
      return { kind: 'pending', message: this.#failure ?? 'it has not been asked for yet' };
    }
    if (!isOurs(there, namespace)) return { kind: 'foreign', owner: ownerOf(there) };
    const available = there.status?.conditions?.find(({ type }) => type === 'Available');
    if (available?.status === 'True') return { kind: 'served' };
    if (available?.status !== 'False') {
      return { kind: 'pending', message: 'the API server has not tried it yet' };
    }
    return { kind: 'unavailable', message: available.message ?? 'no reason given' };
  }

  /** Something may be due. */
  look(): void {
    this.#wake.resolve();
    this.#wake = Promise.withResolvers();
  }

  /**
   * Makes it so, until the signal. `authorities`: by which it is known that this operator answers;
   * undefined while nothing is served.
   */
  async lead(
    applier: Pick<Applier, 'apply'>,
    authorities: () => readonly string[] | undefined,
    signal: AbortSignal,
  ): Promise<void> {
    const { clock, log } = this.#options;
    while (!signal.aborted) {
      const woken = this.#wake.promise;
      try {
        await this.#make(applier, authorities(), signal);
        this.#fails(undefined);
      } catch (error) {
        if (signal.aborted) return;
        log.warn({ err: error }, `the APIService ${API_SERVICE} could not be made`);
        this.#fails(error instanceof Error ? error.message : String(error));
      }
      const late = new AbortController();
      const again = sleep(clock, AGAIN_MS, AbortSignal.any([signal, late.signal]));
      await Promise.race([woken, again.catch(() => undefined)]);
      late.abort();
    }
  }

  async #make(
    applier: Pick<Applier, 'apply'>,
    authorities: readonly string[] | undefined,
    signal: AbortSignal,
  ): Promise<void> {
    await this.#informer.synced(signal);
    const observed = this.#informer.get(API_SERVICE);
    if (authorities === undefined || (observed === undefined && this.#isLeft())) return;
    const { service } = this.#options;
    await applier.apply({
      ...{ resource: apiServices, desired: apiService(service, authorities), observed, signal },
      isOurs: (object) => isOurs(object, service.namespace),
    });
  }

  /** Whoever takes another's place while that is being replaced, keeps it out. */
  #isLeft(): boolean {
    const seen = this.#seen;
    const { namespace } = this.#options.service;
    return seen !== undefined && (!isOurs(seen, namespace) || isWithdrawn(seen));
  }

  #fails(message: string | undefined): void {
    if (message === this.#failure) return;
    this.#failure = message;
    this.#options.onChange();
  }
}
