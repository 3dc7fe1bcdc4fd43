import { Registry } from 'prom-client';
import { gapReasons } from '../../protocol/codes.ts';
import { type AdminCounts, adminCommands, commandOutcomes } from '../admin/counts.ts';
import type { AuthCounts } from '../edge/auth/counts.ts';
import type { EdgeCounts } from '../edge/counts.ts';
import type { EdgeStatus } from '../edge/edge.ts';
import { type HttpCounts, routes } from '../http/counts.ts';
import type { HubCounts } from '../hub/counts.ts';
import type { HubState } from '../hub/topic-hub.ts';
import type { RedisFile } from '../redis-files.ts';
import type { AskCounts, RingCounts } from '../ring/counts.ts';
import type { DoubtCause, RepairCause, StreamCounts } from '../stream/counts.ts';
import type { ConnectionName, RedisLogCounts } from '../stream/redis/redis-counts.ts';
import { authCounts } from './auth-series.ts';
import { edgeCounts } from './edge-series.ts';
import { codes, outcomes } from './labels.ts';
import { ProcessSeries } from './process-series.ts';
import { type RingState, ringCounts, ringGauges } from './ring-series.ts';
import { allOf, type Label, SeriesMaker } from './series.ts';

/** What a gateway has, read when somebody asks for the metrics. */
export interface MetricSources {
  readonly hub: () => HubState;
  readonly ready: () => boolean;
  readonly draining: () => boolean;
  readonly cutOff: () => boolean;
  readonly connected: () => boolean;
  readonly unsuitable: () => number;
  readonly ring: () => RingState;
  readonly proxied: () => Pick<EdgeStatus, 'proxied' | 'inTransit'>;
}

const redisFiles: Readonly<Record<RedisFile, true>> = {
  ...{ url: true, password: true, sentinel_password: true },
  ...{ ca: true, certificate: true, key: true },
};

/**
 * Every series of a gateway, declared here (those of the process, of tokens and keys and of the
 * ring in files beside it) and nowhere else, in a registry of the gateway's own: several run in one
 * process. The parts count through the narrow interfaces that they declare.
 */
export class Metrics {
  readonly hub: HubCounts;
  readonly stream: StreamCounts;
  readonly redis: RedisLogCounts;
  readonly edge: EdgeCounts;
  readonly http: HttpCounts;
  readonly auth: AuthCounts;
  readonly ring: RingCounts & AskCounts;
  readonly admin: AdminCounts;
  readonly registry = new Registry();
  /** A file with a secret of Redis changed. */
  readonly redisFileReread: (file: RedisFile, outcome: 'changed' | 'refused') => void;
  #sources: MetricSources | undefined;
  readonly #process: ProcessSeries;

  constructor() {
    const make = new SeriesMaker(this.registry);
    this.hub = hubCounts(make);
    this.stream = streamCounts(make);
    this.redis = redisCounts(make);
    this.edge = edgeCounts(make);
    this.http = httpCounts(make);
    this.auth = authCounts(make);
    this.ring = ringCounts(make);
    this.admin = adminCounts(make);
    this.redisFileReread = make.grid(
      'redis_file_rereads_total',
      'Changes of files with URL, passwords and certificates of Redis and its Sentinels.',
      [
        { label: 'file', values: allOf<RedisFile>(redisFiles) },
        { label: 'outcome', values: ['changed', 'refused'] },
      ],
    );
    for (const [name, help, read] of gauges) {
      make.gauge(name, help, () => (this.#sources === undefined ? 0 : read(this.#sources)));
    }
    this.#process = new ProcessSeries(make);
  }

  /** From now on gauges are read from these; before, they are zero. */
  observe(sources: MetricSources): void {
    this.#sources = sources;
    this.#process.start();
  }

  async exposition(): Promise<{ text: string; type: string }> {
    return { text: await this.registry.metrics(), type: this.registry.contentType };
  }

  /** Lateness of timers since the last scrape, 99th percentile, ms. */
  get loopLagMs(): number {
    return this.#process.lagMs;
  }

  stop(): void {
    this.#sources = undefined;
    this.#process.stop();
  }
}

type Gauge = readonly [name: string, help: string, read: (sources: MetricSources) => number];

const gauges: readonly Gauge[] = [
  ['topics', 'Topics that are followed, lingering ones included.', ({ hub }) => hub().topics],
  ['subscriptions', 'Subscriptions of all connections.', ({ hub }) => hub().subscriptions],
  ['slow_subscribers', 'Connections that have no room for more now.', ({ hub }) => hub().slow],
  ['recent_bytes', 'Memory of recent messages.', ({ hub }) => hub().recentBytes],
  ['ready', '1 while new clients should come here.', ({ ready }) => Number(ready())],
  ['draining', '1 while it drains, or is about to end.', ({ draining }) => Number(draining())],
  [
    'proxied_connections',
    'Clients that are connected here and served by their owner.',
    ({ proxied }) => proxied().proxied,
  ],
  [
    'proxied_bytes_in_transit',
    'Bytes of such clients that one end sent and the other did not take yet.',
    ({ proxied }) => proxied().inTransit,
  ],
  ['cut_off', '1 while peers reach Redis and we do not.', ({ cutOff }) => Number(cutOff())],
  ['redis_connected', '1 while Redis is reached.', ({ connected }) => Number(connected())],
  [
    'redis_unsuitable',
    'Points in which the configuration of Redis endangers the promises.',
    ({ unsuitable }) => unsuitable(),
  ],
  ...ringGauges.map(([name, help, read]): Gauge => [name, help, ({ ring }) => read(ring())]),
];

const reasons: Label<keyof typeof gapReasons> = {
  label: 'reason',
  values: Object.keys(gapReasons) as (keyof typeof gapReasons)[],
};

function hubCounts(make: SeriesMaker): HubCounts {
  const batches = make.counter('fanouts_total', 'Batches handed to subscribers.');
  const messages = make.counter(
    'messages_delivered_total',
    'Messages handed to live subscribers: messages × subscribers.',
  );
  const gaps = make.counters('gaps_total', 'Gaps told to subscribers.', reasons);
  const read = make.counter('catch_up_pages_total', 'Pages read to catch up.');
  const shared = make.counter(
    'catch_up_page_readers_total',
    'Subscriptions that such pages were read for.',
  );
  return {
    delivered(outlets, entries) {
      batches();
      messages(outlets * entries);
    },
    resumed: make.counters('resumes_total', 'Resumes, by where the missed messages were found.', {
      label: 'source',
      values: allOf({ memory: true, log: true }),
    }),
    gap: (reason, outlets) => gaps(reason, outlets),
    slow: make.counter('slow_total', 'Subscribers that had no room for more.'),
    read(subscriptions) {
      read();
      shared(subscriptions);
    },
    readFailed: make.counters(
      'catch_up_failures_total',
      'Such pages that could not be read.',
      codes,
    ),
    refused: make.counters(
      'subscriptions_refused_total',
      'Subscriptions that were refused or ended.',
      codes,
    ),
  };
}

function streamCounts(make: SeriesMaker): StreamCounts {
  const batches = make.counter('append_batches_total', 'Batches given to the log.');
  const drafts = make.counter('appends_total', 'Messages given to the log.');
  const pages = make.counter('log_pages_total', 'Pages read from the log.');
  const readers = make.counter('log_page_readers_total', 'Callers that these pages were read for.');
  const stale = make.counters('stale_changes_total', 'Times the log was lost and came back.', {
    label: 'to',
    values: allOf({ stale: true, level: true }),
  });
  return {
    published: make.counters(
      'publishes_total',
      'Publishes by outcome, HTTP and WebSocket.',
      outcomes,
    ),
    appended(count) {
      batches();
      drafts(count);
    },
    retried: make.counter('publish_retries_total', 'Publishes tried again.'),
    tooLate: make.counter(
      'publishes_too_late_total',
      'Publishes that came when an earlier sending may have been forgotten, and were not written.',
    ),
    told: make.counter('entries_heard_total', 'Messages of followed topics.'),
    repeated: make.counter(
      'entries_repeated_total',
      'Live copies of messages that were known already.',
    ),
    repair: make.counters('repairs_total', 'Live topics that had to be read from the log.', {
      label: 'cause',
      values: allOf<RepairCause>({
        ...{ hole: true, announced: true, epoch: true, doubt: true, rotation: true },
      }),
    }),
    overflowed: make.counter(
      'parked_overflows_total',
      'Topics whose live messages were dropped while reading, to be read too.',
    ),
    gap: make.counters('log_gaps_total', 'Gaps found in followed topics.', reasons),
    doubt: make.counters('doubts_total', 'Times every topic had to be checked against the log.', {
      label: 'cause',
      values: allOf<DoubtCause>({
        ...{ reconnect: true, probe_lost: true, lineage: true, frozen: true },
      }),
    }),
    stale: (value) => stale(value ? 'stale' : 'level'),
    read(count) {
      pages();
      readers(count);
    },
    readFailed: make.counter('log_failures_total', 'Reads that are tried again.'),
    inconsistent: make.counter('log_inconsistent_total', 'Answers of the log that cannot be.'),
    unreported: make.counter(
      'loss_unreported_total',
      'Topics whose last known message could not be reported after a failover.',
    ),
    forgotten: make.counter(
      'known_positions_dropped_total',
      'Last known positions that were forgotten for lack of room.',
    ),
  };
}

function redisCounts(make: SeriesMaker): RedisLogCounts {
  const silent = make.counter(
    'redis_silent_publishes_total',
    'Batches that were written and whose live copy Redis refused to send.',
  );
  return {
    disconnected: make.counters('redis_disconnects_total', 'Connections to Redis that were lost.', {
      label: 'connection',
      values: allOf<ConnectionName>({
        ...{ publish: true, control: true, bell: true, ring: true, wire: true },
      }),
    }),
    lateLossReports: make.counter(
      'late_loss_reports_total',
      'Topics reported after a failover was settled: losses that nobody is told of.',
    ),
    silentPublish: () => silent(),
    foreignMessage: make.counter(
      'redis_foreign_messages_total',
      'Messages on our channels that are not ours.',
    ),
  };
}

function adminCounts(make: SeriesMaker): AdminCounts {
  return {
    command: make.grid('admin_commands_total', 'Commands to the admin port.', [
      { label: 'command', values: adminCommands },
      { label: 'outcome', values: commandOutcomes },
    ]),
  };
}

const statusClasses = ['2xx', '3xx', '4xx', '5xx'] as const;

function httpCounts(make: SeriesMaker): HttpCounts {
  const requests = make.grid('http_requests_total', 'Requests to the HTTP API.', [
    { label: 'route', values: routes },
    { label: 'status', values: statusClasses },
  ]);
  const duration = make.histograms(
    'http_request_seconds',
    'Time to answer a request to the HTTP API.',
    { label: 'route', values: routes, buckets: [0.001, 0.005, 0.02, 0.1, 0.5, 1, 2, 5, 10] },
  );
  return {
    limited: make.counters('http_rate_limited_total', 'Requests that were refused with 429.', {
      label: 'by',
      values: allOf({ identity: true, address: true }),
    }),
    answered(route, status, seconds) {
      const group = statusClasses.find((name) => name.startsWith(String(status).slice(0, 1)));
      requests(route, group ?? '5xx');
      duration(route, seconds);
    },
  };
}
