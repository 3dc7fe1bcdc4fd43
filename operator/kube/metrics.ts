import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type {
  Priority,
  QueueCounts,
  QueueState,
  ReconcileCounts,
  ReconcileResult,
  RequestCounts,
} from './counts.ts';
import type { Method } from './transport.ts';

/** What has series of its own: each is there from the start, at zero. */
export interface MetricNames {
  /** `host:port` of the API server. */
  readonly host: string;
  readonly controllers: readonly string[];
  /** Names of Leases. */
  readonly leases: readonly string[];
}

const METHODS: readonly Method[] = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'];
const RESULTS: readonly ReconcileResult[] = ['success', 'requeue', 'requeue_after', 'error'];
const PRIORITIES: readonly Priority[] = ['high', 'low'];
/** What API servers answer. Any other is `other`; no answer is `<error>`, as client-go has it. */
const CODES = [
  ...['200', '201', '202', '400', '401', '403', '404', '405', '406', '409', '410', '413', '415'],
  ...['422', '429', '500', '502', '503', '504', 'other', '<error>'],
];
/** controller-runtime's, in seconds. */
const RECONCILE_SECONDS = [
  ...[0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6, 0.7, 0.8],
  ...[0.9, 1, 1.25, 1.5, 1.75, 2, 2.5, 3, 3.5, 4, 4.5, 5, 6, 7, 8, 9, 10, 15, 20, 25, 30, 40, 50],
  60,
];
const QUEUE_SECONDS = [...[1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 0.01, 0.1, 1, 10, 100, 1000]];

type Labels = Readonly<Record<string, string>>;

/**
 * Every series of the runtime, declared here and nowhere else, under the names and labels that
 * controller-runtime and client-go use: dashboards that are made for those work. The parts count
 * through the narrow interfaces of `counts.ts`.
 */
export class KubeMetrics {
  readonly registry: Registry;
  readonly requests: RequestCounts;
  readonly #controllers: ReadonlyMap<string, ReconcileCounts & { readonly queue: QueueCounts }>;
  readonly #leading: ReadonlyMap<string, (leads: boolean) => void>;

  /** `registry`: default one of its own. */
  constructor(names: MetricNames, registry = new Registry()) {
    this.registry = registry;
    const make = new Maker(registry);
    this.requests = requestCounts(make, names.host);
    const queues = queueCounts(make, names.controllers);
    const reconciles = reconcileCounts(make, names.controllers);
    this.#controllers = new Map(
      names.controllers.map((name) => [name, { ...reconciles(name), queue: queues(name) }]),
    );
    const master = make.gauge(
      'leader_election_master_status',
      'Gauge of if the reporting system is master of the relevant lease, 0 indicates backup, ' +
        '1 indicates master.',
      { labelNames: ['name'] },
    );
    for (const name of names.leases) master.set({ name }, 0);
    this.#leading = new Map(
      names.leases.map((name) => [name, (leads) => master.set({ name }, leads ? 1 : 0)]),
    );
  }

  /** Throws for a name that was not given. */
  controller(name: string): ReconcileCounts & { readonly queue: QueueCounts } {
    return known(this.#controllers, name);
  }

  /** Told of every change. Throws for a name that was not given. */
  lease(name: string): (leads: boolean) => void {
    return known(this.#leading, name);
  }
}

function known<T>(all: ReadonlyMap<string, T>, name: string): T {
  const one = all.get(name);
  if (one === undefined) throw new Error(`no series were declared for ${name}`);
  return one;
}

interface GaugeOptions {
  readonly labelNames: string[];
  /** Sets it when somebody asks. */
  readonly collect?: () => void;
}

interface HistogramOptions {
  readonly labelNames: string[];
  readonly buckets: readonly number[];
}

class Maker {
  readonly #registers: Registry[];

  constructor(registry: Registry) {
    this.#registers = [registry];
  }

  counter(name: string, help: string, labelNames: string[]): Counter {
    return new Counter({ name, help, labelNames, registers: this.#registers });
  }

  gauge(name: string, help: string, options: GaugeOptions): Gauge {
    return new Gauge({ name, help, ...options, registers: this.#registers });
  }

  histogram(name: string, help: string, { labelNames, buckets }: HistogramOptions): Histogram {
    const registers = this.#registers;
    return new Histogram({ name, help, labelNames, registers, buckets: [...buckets] });
  }
}

function requestCounts(make: Maker, host: string): RequestCounts {
  const labels = ['code', 'host', 'method'];
  const help = 'Number of HTTP requests, partitioned by status code, method, and host.';
  const counter = make.counter('rest_client_requests_total', help, labels);
  for (const code of CODES) for (const method of METHODS) counter.inc({ code, host, method }, 0);
  return {
    request: (method, status) => {
      const code = status === undefined ? '<error>' : String(status);
      counter.inc({ code: CODES.includes(code) ? code : 'other', host, method });
    },
  };
}

function queueCounts(make: Maker, names: readonly string[]): (name: string) => QueueCounts {
  const states = new Map<string, () => QueueState>();
  const labels = ['name', 'controller'];
  const labelsOf = (name: string): Labels => ({ name, controller: name });
  const read = (name: string, help: string, of: (state: QueueState) => number) => {
    const collect = () => {
      for (const queue of names) {
        const state = states.get(queue)?.();
        gauge.set(labelsOf(queue), state === undefined ? 0 : of(state));
      }
    };
    const gauge = make.gauge(`workqueue_${name}`, help, { labelNames: labels, collect });
  };
  const collect = () => {
    for (const queue of names) {
      for (const priority of PRIORITIES) {
        const now = states.get(queue)?.().depth[priority] ?? 0;
        depth.set({ ...labelsOf(queue), priority }, now);
      }
    }
  };
  const depth = make.gauge(
    'workqueue_depth',
    'Current depth of workqueue by workqueue and priority',
    { labelNames: [...labels, 'priority'], collect },
  );
  read(
    'unfinished_work_seconds',
    'How many seconds of work has been done that is in progress and hasn’t been observed by ' +
      'work_duration. Large values indicate stuck workers.',
    ({ unfinishedMs }) => unfinishedMs / 1000,
  );
  read(
    'longest_running_processor_seconds',
    'How many seconds has the longest running processor for workqueue been running.',
    ({ longestMs }) => longestMs / 1000,
  );
  const counter = (name: string, help: string) => make.counter(`workqueue_${name}`, help, labels);
  const adds = counter('adds_total', 'Total number of adds handled by workqueue');
  const retries = counter('retries_total', 'Total number of retries handled by workqueue');
  const histogram = (name: string, help: string) =>
    make.histogram(`workqueue_${name}`, help, { labelNames: labels, buckets: QUEUE_SECONDS });
  const waits = histogram(
    'queue_duration_seconds',
    'How long in seconds an item stays in workqueue before being requested',
  );
  const works = histogram(
    'work_duration_seconds',
    'How long in seconds processing an item from workqueue takes.',
  );
  for (const name of names) {
    for (const one of [adds, retries]) one.inc(labelsOf(name), 0);
    for (const one of [waits, works]) one.zero(labelsOf(name));
  }
  return (name) => ({
    reads: (state) => states.set(name, state),
    added: () => adds.inc(labelsOf(name)),
    retried: () => retries.inc(labelsOf(name)),
    waited: (ms) => waits.observe(labelsOf(name), ms / 1000),
    worked: (ms) => works.observe(labelsOf(name), ms / 1000),
  });
}

function reconcileCounts(make: Maker, names: readonly string[]): (name: string) => ReconcileCounts {
  const workers = new Map<string, () => { readonly active: number; readonly most: number }>();
  const read = (name: string, help: string, of: 'active' | 'most') => {
    const collect = () => {
      for (const controller of names) {
        gauge.set({ controller }, workers.get(controller)?.()[of] ?? 0);
      }
    };
    const labelNames = ['controller'];
    const gauge = make.gauge(`controller_runtime_${name}`, help, { labelNames, collect });
  };
  read('active_workers', 'Number of currently used workers per controller', 'active');
  read(
    'max_concurrent_reconciles',
    'Maximum number of concurrent reconciles per controller',
    'most',
  );
  const counter = (name: string, help: string, labels: string[]) =>
    make.counter(`controller_runtime_${name}`, help, labels);
  const total = counter('reconcile_total', 'Total number of reconciliations per controller', [
    ...['controller', 'result'],
  ]);
  const errors = counter(
    'reconcile_errors_total',
    'Total number of reconciliation errors per controller',
    ['controller'],
  );
  const terminal = counter(
    'terminal_reconcile_errors_total',
    'Total number of terminal reconciliation errors per controller',
    ['controller'],
  );
  const times = make.histogram(
    'controller_runtime_reconcile_time_seconds',
    'Length of time per reconciliation per controller',
    { labelNames: ['controller'], buckets: RECONCILE_SECONDS },
  );
  for (const controller of names) {
    for (const result of RESULTS) total.inc({ controller, result }, 0);
    for (const one of [errors, terminal]) one.inc({ controller }, 0);
    times.zero({ controller });
  }
  return (controller) => ({
    reads: (state) => workers.set(controller, state),
    reconciled: (result, ms) => {
      total.inc({ controller, result });
      if (result === 'error') errors.inc({ controller });
      times.observe({ controller }, ms / 1000);
    },
    terminal: () => terminal.inc({ controller }),
  });
}
