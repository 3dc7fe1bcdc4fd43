import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '../../protocol/testing/manual-clock.ts';
import { Controller } from './controller.ts';
import { KubeMetrics } from './metrics.ts';
import { RecordingLog } from './testing/recording-log.ts';

const names = { host: 'api:443', controllers: ['wscluster'], leases: ['operator'] };

/** As controller-runtime and client-go name them; stock dashboards ask for these. */
const SERIES = [
  'controller_runtime_active_workers{controller}',
  'controller_runtime_max_concurrent_reconciles{controller}',
  'controller_runtime_reconcile_errors_total{controller}',
  'controller_runtime_reconcile_time_seconds{controller}',
  'controller_runtime_reconcile_total{controller,result}',
  'controller_runtime_terminal_reconcile_errors_total{controller}',
  'leader_election_master_status{name}',
  'rest_client_requests_total{code,host,method}',
  'workqueue_adds_total{controller,name}',
  'workqueue_depth{controller,name,priority}',
  'workqueue_longest_running_processor_seconds{controller,name}',
  'workqueue_queue_duration_seconds{controller,name}',
  'workqueue_retries_total{controller,name}',
  'workqueue_unfinished_work_seconds{controller,name}',
  'workqueue_work_duration_seconds{controller,name}',
];

test('every series is there from the start, at zero', async () => {
  const all = await new KubeMetrics(names).registry.getMetricsAsJSON();
  const forms = all.map(({ name, values }) => {
    const labels = new Set(values.flatMap((value) => Object.keys(value.labels)));
    labels.delete('le');
    for (const { value } of values) assert.equal(value, 0, name);
    return `${name}{${[...labels].sort().join(',')}}`;
  });
  assert.deepEqual(forms.sort(), SERIES);
});

test('a controller counts what it does, and is read when somebody asks', async () => {
  const metrics = new KubeMetrics(names);
  const value = async (line: string) => {
    const text = await metrics.registry.metrics();
    const found = text.split('\n').find((one) => one.startsWith(line));
    return Number(found?.split(' ').at(-1));
  };
  const clock = new ManualClock();
  const reconcile = async (key: string) => {
    if (key === 'bad') throw new Error('bad');
    await new Promise<void>((resolve) => clock.after(2000, resolve));
    return {};
  };
  const counts = metrics.controller('wscluster');
  const options = { name: 'wscluster', reconcile, clock, random: () => 1, counts };
  const controller = new Controller({ ...options, log: new RecordingLog(), workers: 2 });
  controller.add('one');
  controller.add('two', 'low');
  const queue = 'name="wscluster",controller="wscluster"';
  assert.equal(await value(`workqueue_depth{${queue},priority="low"}`), 1);
  controller.start();
  await clock.advance(1000);
  assert.equal(await value('controller_runtime_active_workers'), 2);
  assert.equal(await value('controller_runtime_max_concurrent_reconciles'), 2);
  assert.equal(await value('workqueue_unfinished_work_seconds'), 2);
  assert.equal(await value('workqueue_longest_running_processor_seconds'), 1);
  await clock.advance(1000);
  controller.add('bad');
  await clock.advance(10);
  const total = 'controller_runtime_reconcile_total{controller="wscluster",result=';
  assert.equal(await value(`${total}"success"}`), 2);
  assert.equal(await value(`${total}"error"}`), 1);
  assert.equal(await value('controller_runtime_reconcile_errors_total'), 1);
  assert.equal(await value('workqueue_adds_total'), 3);
  assert.equal(await value('workqueue_retries_total'), 1);
  assert.equal(await value('workqueue_work_duration_seconds_sum'), 4);
  await controller.stop();
});

test('requests, and who leads', async () => {
  const metrics = new KubeMetrics(names);
  metrics.requests.request('GET', 200);
  metrics.requests.request('GET', 418);
  metrics.requests.request('PATCH', undefined);
  metrics.lease('operator')(true);
  const text = await metrics.registry.metrics();
  for (const line of [
    'rest_client_requests_total{code="200",host="api:443",method="GET"} 1',
    'rest_client_requests_total{code="other",host="api:443",method="GET"} 1',
    'rest_client_requests_total{code="<error>",host="api:443",method="PATCH"} 1',
    'leader_election_master_status{name="operator"} 1',
  ]) {
    assert.ok(text.includes(line), line);
  }
  assert.throws(() => metrics.controller('other'), /no series were declared for other/);
});
