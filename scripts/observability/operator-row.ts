import { panel, type Row } from './panel.ts';

export const operatorRow: Row = {
  title: 'Operator',
  program: 'operator',
  panels: [
    panel(['WsClusters that need a person', 'short'], '1: its condition Degraded says what for.', [
      {
        ...{ metric: 'wscluster_condition', where: { type: 'Degraded' } },
        ...{ by: ['wscluster'], greatest: true },
      },
    ]),
    panel(['WsClusters that are available', 'short'], '0: too few of its gateways serve.', [
      {
        ...{ metric: 'wscluster_condition', where: { type: 'Available' } },
        ...{ by: ['wscluster'], greatest: true },
      },
    ]),
    panel(['WsClusters as they are to be', 'short'], '0: its condition Ready says why not.', [
      {
        ...{ metric: 'wscluster_condition', where: { type: 'Ready' } },
        ...{ by: ['wscluster'], greatest: true },
      },
    ]),
    panel(['Who leads', 'short'], 'One does, the others wait.', [
      { metric: 'leader_election_master_status', by: ['pod'] },
    ]),
    panel(['Reconciles', 'cps'], 'Looks after a WsCluster: next to none with nothing to do.', [
      { metric: 'controller_runtime_reconcile_total', by: ['result'] },
    ]),
    panel(['Time of a reconcile', 's'], 'Seconds are much.', [
      { metric: 'controller_runtime_reconcile_time_seconds', quantile: 0.5, legend: 'half within' },
      {
        metric: 'controller_runtime_reconcile_time_seconds',
        quantile: 0.99,
        legend: '99 % within',
      },
    ]),
    panel(['Failures', 'cps'], 'Final ones are not tried again: what is wanted has to change.', [
      { metric: 'controller_runtime_reconcile_errors_total', legend: 'all' },
      { metric: 'controller_runtime_terminal_reconcile_errors_total', legend: 'final' },
      { metric: 'workqueue_retries_total', legend: 'tried again' },
    ]),
    panel(['Queue', 'short'], 'WsClusters that wait to be looked after.', [
      { metric: 'workqueue_depth', by: ['priority'] },
    ]),
    panel(['Wait in the queue', 's'], 'From a change until somebody looks at it.', [
      { metric: 'workqueue_queue_duration_seconds', quantile: 0.5, legend: 'half within' },
      { metric: 'workqueue_queue_duration_seconds', quantile: 0.99, legend: '99 % within' },
    ]),
    panel(['Work', 'short'], 'As many at work as there may be for long: the queue grows.', [
      { metric: 'controller_runtime_active_workers', legend: 'at work' },
      {
        ...{ metric: 'controller_runtime_max_concurrent_reconciles', greatest: true },
        legend: 'may be',
      },
    ]),
    panel(['Longest work', 's'], 'More than two minutes: it is stuck.', [
      { metric: 'workqueue_longest_running_processor_seconds', greatest: true, legend: 'longest' },
    ]),
    panel(['Requests to the API server', 'cps'], '429, 5xx and <error> are its trouble.', [
      { metric: 'rest_client_requests_total', by: ['code'] },
    ]),
  ],
};
