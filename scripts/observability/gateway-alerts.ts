import type { Alert } from './alert.ts';

/** The gateways of one WsCluster: a PodMonitor names its job after it. */
const EACH = 'by (namespace, job)';
const sum = (what: string) => `sum ${EACH} (${what})`;
const max = (what: string) => `max ${EACH} (${what})`;
const min = (what: string) => `min ${EACH} (${what})`;
const increase = (series: string, window: string) =>
  sum(`increase(wscluster_${series}[${window}])`);
const rate = (series: string, window: string) => sum(`rate(wscluster_${series}[${window}])`);

const JOB = '{{ $labels.job }}';
const POD = '{{ $labels.pod }}';
const SHARE = '{{ $value | humanizePercentage }}';
const NUMBER = '{{ $value | humanize }}';

export const gatewayAlerts: readonly Alert[] = [
  {
    name: 'WsClusterNotReady',
    // Where all of them leave, the WsCluster was stopped or deleted, and that is no accident.
    expression: `${sum('wscluster_ready')} == 0 and ${min('wscluster_draining')} == 0`,
    for: '2m',
    severity: 'critical',
    summary: `No gateway of ${JOB} takes clients.`,
    description:
      'Gateways run, and none of them is ready: Kubernetes sends no client to them, neither new ' +
      'ones nor those that come back. Connected clients are kept.',
  },
  {
    name: 'WsClusterRedisUnreachable',
    expression: `${max('wscluster_redis_connected')} == 0`,
    for: '1m',
    severity: 'critical',
    summary: `No gateway of ${JOB} reaches Redis.`,
    description:
      'Nothing can be published, and nothing is delivered. Clients stay connected and are told ' +
      'that what they see may be old.',
  },
  {
    name: 'WsClusterGatewayCutOff',
    expression: 'wscluster_cut_off == 1',
    for: '2m',
    severity: 'warning',
    summary: `${POD} of ${JOB} does not reach a Redis that the others reach.`,
    description: 'It is not ready, and moves its clients to the others.',
  },
  {
    name: 'WsClusterRedisUnsuitable',
    expression: `${max('wscluster_redis_unsuitable')} > 0`,
    for: '15m',
    severity: 'warning',
    summary: `The Redis of ${JOB} may lose what was acknowledged.`,
    description: `${NUMBER} points of its configuration endanger what WsCluster promises.`,
  },
  {
    name: 'WsClusterMessagesLost',
    expression:
      `${increase('gaps_total{reason=~"lost|truncated"}', '15m')} + ` +
      `${increase('late_loss_reports_total', '15m')} + ` +
      `${increase('loss_unreported_total', '15m')} > 0`,
    for: '0m',
    severity: 'critical',
    summary: `Redis lost messages of ${JOB} that it had acknowledged.`,
    description:
      'In the last 15 minutes a failover, or a restart without its data, cost messages; ' +
      `${NUMBER} gaps and reports say so.`,
  },
  {
    name: 'WsClusterGaps',
    expression:
      `${rate('gaps_total{reason=~"trimmed|expired|epoch_unknown"}', '15m')} > ` +
      `0.05 * ${rate('resumes_total', '15m')}`,
    for: '10m',
    severity: 'warning',
    summary: `Clients of ${JOB} come back too late for what they missed.`,
    description:
      'More than one in twenty subscriptions that resume is told of a gap: what it missed is ' +
      'beyond retention.',
  },
  {
    name: 'WsClusterPublishesFail',
    expression:
      `${rate('publishes_total{outcome!="ok"}', '5m')} / ` +
      `${rate('publishes_total', '5m')} > 0.05`,
    for: '5m',
    severity: 'critical',
    summary: `${SHARE} of the publishes to ${JOB} do not succeed.`,
    description: 'They fail, or nobody knows whether they were written.',
  },
  {
    name: 'WsClusterFull',
    expression: `${increase('upgrades_refused_total{why="full"}', '5m')} > 0`,
    for: '5m',
    severity: 'warning',
    summary: `Gateways of ${JOB} turn clients away for lack of room.`,
    description: `${NUMBER} clients in five minutes came to a gateway with as many as it takes.`,
  },
  {
    name: 'WsClusterKeysUnavailable',
    expression: `${increase('authentications_total{outcome="keys_unavailable"}', '5m')} > 0`,
    for: '5m',
    severity: 'critical',
    summary: `${JOB} cannot verify tokens.`,
    description:
      'The JWK Set could not be fetched for so long that it was given up, or never was: clients ' +
      'with tokens are turned away until it can be.',
  },
  {
    name: 'WsClusterSecretRefused',
    expression:
      `${increase('key_file_rereads_total{outcome="refused"}', '1h')} + ` +
      `${increase('redis_file_rereads_total{outcome="refused"}', '1h')} > 0`,
    for: '0m',
    severity: 'warning',
    summary: `A Secret of ${JOB} was changed to something of no use.`,
    description:
      'Gateways that run go on with what was there before; one that starts now would wait for it ' +
      'to be mended.',
  },
  {
    name: 'WsClusterGatewayBusy',
    expression:
      'wscluster_event_loop_utilisation_ratio > 0.9 or on (namespace, job, pod) ' +
      'wscluster_event_loop_lag_seconds{quantile="0.99"} > 0.25',
    for: '10m',
    severity: 'warning',
    summary: `${POD} of ${JOB} has more to do than one processor can.`,
    description:
      'Its event loop was busy more than 90 % of the time, or timers came a quarter of a second ' +
      'late: messages take long, and heartbeats may be missed.',
  },
  {
    name: 'WsClusterRingDiffers',
    expression:
      // One that has none yet waits for something else.
      `${max('wscluster_ring_generation')} > ${min('wscluster_ring_generation > 0')} or ` +
      `${max('wscluster_ring_counter')} > ` +
      `${min('wscluster_ring_counter and wscluster_ring_generation > 0')} or ` +
      `${increase('ring_conflicts_total', '15m')} > 0`,
    for: '5m',
    severity: 'warning',
    summary: `Gateways of ${JOB} do not go by the same ring.`,
    description:
      'Some place clients by an older ring, or by another one of the same version. Nothing is ' +
      'lost by that; clients of one user may be on several gateways.',
  },
  {
    name: 'WsClusterDrainTooFast',
    expression: `${increase('moved_total{how=~"hurried|forced"}', '15m')} > 0`,
    for: '0m',
    severity: 'warning',
    summary: `Gateways of ${JOB} had to leave faster than their clients could be moved.`,
    description:
      `In the last 15 minutes ${NUMBER} connections were disturbed beyond ` +
      'disruption.movesPerSecond, or cut, because a deadline was near.',
  },
];
