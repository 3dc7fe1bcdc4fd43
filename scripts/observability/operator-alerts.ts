import { NAMES } from '../../operator/operator.ts';
import type { Alert } from './alert.ts';

const EACH = 'by (namespace, job)';
const LEADS = `leader_election_master_status{name="${NAMES.lease}"}`;
const OURS = `{controller="${NAMES.controller}"}`;
/** Every operator of a cluster counts requests under this name; ours has the Lease. */
const requests = (matchers: string) =>
  `sum ${EACH} (rate(rest_client_requests_total${matchers}[10m]) ` +
  `and on (job, instance) ${LEADS})`;

const JOB = '{{ $labels.job }}';

const condition = (type: string) => `max by (wscluster) (wscluster_condition{type="${type}"})`;
const WSCLUSTER = '{{ $labels.wscluster }}';

export const operatorAlerts: readonly Alert[] = [
  {
    name: 'WsClusterUnavailable',
    // One that was stopped is as its spec wants it.
    expression: `${condition('Available')} == 0 and ${condition('Ready')} == 0`,
    for: '5m',
    severity: 'critical',
    summary: `${WSCLUSTER} has fewer gateways than disruption.maxUnavailable leaves.`,
    description: 'Those that are left have more clients than is meant, or there are none.',
  },
  {
    name: 'WsClusterDegraded',
    expression: `${condition('Degraded')} == 1`,
    for: '15m',
    severity: 'warning',
    summary: `${WSCLUSTER} needs a person.`,
    description: 'What the operator cannot mend by itself stands in its condition Degraded.',
  },
  {
    name: 'WsClusterOperatorAbsent',
    expression: `sum ${EACH} (${LEADS}) == 0 or absent(${LEADS})`,
    for: '5m',
    severity: 'critical',
    summary: 'No operator of WsCluster works.',
    description:
      'Gateways go on as they are, but nothing is made, mended or scaled: none of the operators ' +
      'leads, or Prometheus reads none of them.',
  },
  {
    name: 'WsClusterOperatorFails',
    expression: `sum ${EACH} (increase(controller_runtime_reconcile_errors_total${OURS}[15m])) > 3`,
    for: '15m',
    severity: 'warning',
    summary: `The operator ${JOB} fails again and again.`,
    description:
      '{{ $value | humanize }} of its attempts to look after a WsCluster failed in 15 minutes.',
  },
  {
    name: 'WsClusterOperatorApiErrors',
    expression: `${requests('{code=~"429|5..|<error>"}')} / ${requests('')} > 0.1`,
    for: '15m',
    severity: 'warning',
    summary: `The API server fails the operator ${JOB}.`,
    description:
      '{{ $value | humanizePercentage }} of its requests were refused for load, failed, or had ' +
      'no answer.',
  },
  {
    name: 'WsClusterOperatorStuck',
    expression: `max ${EACH} (workqueue_longest_running_processor_seconds${OURS}) > 120`,
    for: '2m',
    severity: 'warning',
    summary: `The operator ${JOB} does not get on with a WsCluster.`,
    description: 'It has been at work on one for {{ $value | humanizeDuration }}.',
  },
];
