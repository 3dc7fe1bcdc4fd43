import { panel, type Query, type Row } from './panel.ts';

/** A metric of gateways, without the beginning that all of them have. */
const gateway = (name: string, options: Omit<Query, 'metric'> = {}): Query => ({
  metric: `wscluster_${name}`,
  ...options,
});
const byPod = { by: ['pod'] };
const ofAll = { width: 6, height: 4, type: 'stat' } as const;
const open = { where: { state: 'open' } };

const now: Row = {
  title: 'Now',
  program: 'gateway',
  panels: [
    panel(['Clients', 'short'], 'Connected now.', [gateway('connections', open)], ofAll),
    panel(['Gateways that are ready', 'short'], '', [gateway('ready')], ofAll),
    panel(['Gateways that drain', 'short'], '', [gateway('draining')], ofAll),
    panel(['Gateways that reach Redis', 'short'], '', [gateway('redis_connected')], ofAll),
  ],
};

const clients: Row = {
  title: 'Clients',
  program: 'gateway',
  panels: [
    panel(
      ['Connections by pod', 'short'],
      'Even, where the ring places clients and they can be moved.',
      [gateway('connections', { ...open, ...byPod })],
    ),
    panel(
      ['Connections by health', 'short'],
      'By round trip; idle ones answer and say nothing, zombies and ghosts do not answer.',
      [gateway('connections_health', { by: ['health'] })],
    ),
    panel(['New connections', 'cps'], 'Whoever comes, and comes back.', [
      gateway('connection_transitions_total', { where: { to: 'open' }, ...byPod }),
    ]),
    panel(['Connections that ended', 'cps'], 'Codes are explained in docs/protocol.md.', [
      gateway('closes_total', { by: ['code'] }),
    ]),
    panel(['Clients turned away', 'cps'], 'Before there was a connection.', [
      gateway('upgrades_refused_total', { by: ['why'] }),
    ]),
    panel(['Errors told to clients', 'cps'], 'Codes are explained in docs/protocol.md.', [
      gateway('errors_total', { by: ['code'] }),
    ]),
    panel(
      ['Slow clients', 'short'],
      'They read slower than they are sent to, and catch up from the log.',
      [gateway('slow_subscribers', byPod)],
    ),
    panel(['Clients over a rate', 'cps'], '', [gateway('rate_limited_total', { by: ['by'] })]),
    panel(['Tokens and keys', 'cps'], 'keys_unavailable: the JWK Set cannot be had.', [
      gateway('authentications_total', { by: ['outcome'] }),
      gateway('jwks_fetches_total', {
        by: ['outcome'],
        legend: 'fetch of the JWK Set: {{outcome}}',
      }),
    ]),
  ],
};

const messages: Row = {
  title: 'Messages',
  program: 'gateway',
  panels: [
    panel(['Deliveries', 'cps'], '', [gateway('messages_delivered_total', byPod)]),
    panel(['Publishes by outcome', 'cps'], 'unknown: nobody knows whether it was written.', [
      gateway('publishes_total', { by: ['outcome'] }),
    ]),
    panel(['Publishes tried again', 'cps'], '', [gateway('publish_retries_total', byPod)]),
    panel(['Topics and subscriptions', 'short'], '', [
      gateway('topics', { legend: 'topics, each counted on every gateway that follows it' }),
      gateway('subscriptions', { legend: 'subscriptions' }),
    ]),
    panel(['Commands', 'cps'], '', [gateway('commands_total', { by: ['command'] })]),
    panel(['HTTP requests', 'cps'], '', [gateway('http_requests_total', { by: ['status'] })]),
  ],
};

const latency: Row = {
  title: 'Latency',
  program: 'gateway',
  panels: [
    panel(['Round trip', 's'], 'The network, and the client.', [
      gateway('round_trip_seconds', { quantile: 0.5, legend: 'half within' }),
      gateway('round_trip_seconds', { quantile: 0.99, legend: '99 % within' }),
    ]),
    panel(['Time to answer HTTP, 99 % within', 's'], 'For a publish: Redis, mostly.', [
      gateway('http_request_seconds', { quantile: 0.99, by: ['route'] }),
    ]),
    panel(
      ['Late timers, 99 % within', 's'],
      'What any message may wait for because something else was at work.',
      [gateway('event_loop_lag_seconds', { where: { quantile: '0.99' }, ...byPod })],
    ),
  ],
};

const moves: Row = {
  title: 'Drains, moves, resumes and gaps',
  program: 'gateway',
  panels: [
    panel(['Clients asked to move', 'cps'], 'Within disruption.movesPerSecond.', [
      gateway('move_requests_total', { by: ['reason'] }),
    ]),
    panel(['Clients that moved', 'cps'], 'late: after the time that they were given.', [
      gateway('move_departures_total', { by: ['when'], legend: 'left {{when}}' }),
      gateway('move_tokens_total', { by: ['outcome'], legend: 'came: {{outcome}}' }),
    ]),
    panel(
      ['Connections asked to leave', 'cps'],
      'hurried and forced: a deadline was nearer than the budget allows.',
      [gateway('moved_total', { by: ['how'] })],
    ),
    panel(['Resumes', 'cps'], 'memory: without a question to Redis.', [
      gateway('resumes_total', { by: ['source'] }),
    ]),
    panel(['Gaps', 'cps'], 'Reasons are explained in docs/protocol.md.', [
      gateway('gaps_total', { by: ['reason'] }),
    ]),
    panel(['Losses that were told too late', 'cps'], 'After a failover of Redis.', [
      gateway('late_loss_reports_total', { legend: 'reported after it was settled' }),
      gateway('loss_unreported_total', { legend: 'could not be reported' }),
    ]),
    panel(['Clients passed on', 'short'], 'To the gateway that owns them.', [
      gateway('proxied_connections', byPod),
    ]),
    panel(['Clients passed on, by outcome', 'cps'], 'All but ok were served in place.', [
      gateway('proxied_total', { by: ['outcome'] }),
    ]),
    panel(['Cursors of sessions', 'cps'], 'failed ones are tried again.', [
      gateway('cursors_total', { by: ['outcome'] }),
    ]),
  ],
};

const ring: Row = {
  title: 'Ring',
  program: 'gateway',
  panels: [
    panel(['Shards by pod', 'short'], 'Of 16,384, by weight.', [
      gateway('ring_shards_owned', byPod),
    ]),
    panel(['Version of the ring', 'short'], 'Of all gateways the same, but for moments.', [
      gateway('ring_generation', { ...byPod, legend: '{{pod}}: generation' }),
      gateway('ring_counter', { ...byPod, legend: '{{pod}}: counter' }),
    ]),
    panel(['Gateways in the ring', 'short'], '', [gateway('ring_members', byPod)]),
    panel(['Rings that arrived', 'cps'], '', [
      gateway('ring_documents_total', { by: ['outcome'] }),
      gateway('ring_conflicts_total', { legend: 'same version, another content' }),
    ]),
    panel(['Heartbeats', 'cps'], '', [gateway('ring_heartbeats_total', { by: ['outcome'] })]),
    panel(
      ['Who writes the ring', 'short'],
      'Without Kubernetes; with it nobody does: the operator makes it.',
      [gateway('ring_lease_held', byPod)],
    ),
  ],
};

const redis: Row = {
  title: 'Redis',
  program: 'gateway',
  panels: [
    panel(['Redis reached', 'short'], 'cut off: it is reached by others alone.', [
      gateway('redis_connected', { ...byPod, legend: '{{pod}}' }),
      gateway('cut_off', { ...byPod, legend: '{{pod}} cut off' }),
    ]),
    panel(['Connections to Redis that were lost', 'cps'], '', [
      gateway('redis_disconnects_total', { by: ['connection'] }),
    ]),
    panel(['Points against this Redis', 'short'], 'The condition RedisSuitable names them.', [
      gateway('redis_unsuitable', byPod),
    ]),
    panel(['Written', 'cps'], 'The more of them in a batch, the less each costs.', [
      gateway('appends_total', { legend: 'messages' }),
      gateway('append_batches_total', { legend: 'batches' }),
    ]),
    panel(['Read', 'cps'], 'For topics that are followed anew, and for clients that catch up.', [
      gateway('log_pages_total', { legend: 'pages' }),
      gateway('catch_up_pages_total', { legend: 'pages to catch up' }),
      gateway('log_failures_total', { legend: 'failures' }),
    ]),
    panel(['Topics read again', 'cps'], 'Live messages were missing, or might have been.', [
      gateway('repairs_total', { by: ['cause'] }),
      gateway('doubts_total', { by: ['cause'], legend: 'every topic: {{cause}}' }),
    ]),
  ],
};

const processes: Row = {
  title: 'Event loop and memory',
  program: 'gateway',
  panels: [
    panel(['Event loop', 'percentunit'], 'Above 90 % everything takes longer.', [
      gateway('event_loop_utilisation_ratio', byPod),
    ]),
    panel(['Memory', 'bytes'], '', [gateway('process_resident_bytes', byPod)]),
    panel(['Heap', 'bytes'], '', [gateway('process_heap_bytes', byPod)]),
    panel(['Recent messages in memory', 'bytes'], 'Most resumes are answered from it.', [
      gateway('recent_bytes', byPod),
    ]),
    panel(['Bytes on their way through', 'bytes'], 'Of clients that are passed on.', [
      gateway('proxied_bytes_in_transit', byPod),
    ]),
    panel(['Age', 's'], 'One that falls to zero has started anew.', [
      gateway('process_uptime_seconds', byPod),
    ]),
  ],
};

export const gatewayRows: readonly Row[] = [
  ...[now, clients, messages, latency, moves, ring, redis, processes],
];
