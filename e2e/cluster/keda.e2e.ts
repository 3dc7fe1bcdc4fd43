import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { parse } from 'yaml';
import { pause } from '../deadline.ts';
import { refuseDefinition } from './definition.ts';
import { BOUNDS, ForeignScaling, forClients, PATIENCE_S, SYSTEM } from './foreign-scaling.ts';
import { becomesReady, leader, startInstallable } from './installation.ts';
import { installKeda, type Trigger, tellKedaOf, triggeredBy, triggersOf } from './keda.ts';
import { Monitoring } from './monitoring.ts';
import { labOnly, type Target } from './target.ts';

/** What it calls its HorizontalPodAutoscaler. */
const AUTOSCALER = 'keda-hpa-chat';
const SERVED = 'keda/keda-metrics-apiserver';
const [FIRST, MORE] = [100, 60] as const;
const COUNTS = 'True ValidMetricFound';
const HAS_NO_NUMBER = 'False FailedGetExternalMetric';
const AUTHORITY = '-o=jsonpath={.data.ca\\.crt}';

describe('KEDA, as docs/autoscaling.md says', labOnly, () => {
  let target: Target;
  let scaling: ForeignScaling;
  let monitoring: Monitoring;
  let recipe: readonly object[] = [];

  const operators = (replicas: number) =>
    target.kubectl(
      '-n',
      SYSTEM,
      'scale',
      'deployment/wscluster-operator',
      `--replicas=${replicas}`,
    );
  before(async () => {
    target = await startInstallable();
    await refuseDefinition(target.kubectl);
    monitoring = await Monitoring.start(target);
    await installKeda(target);
    scaling = await ForeignScaling.start(target, {
      where: `keda-${process.pid}`,
      values: ['metricsApi.enabled=true'],
      spec: { metrics: { podMonitor: { enabled: true, intervalSeconds: 5 } } },
    });
    recipe = await scaling.recipe('With KEDA', ['minReplicaCount', 'maxReplicaCount']);
  });

  after(async () => {
    await scaling?.leave();
    await target?.stop();
  });

  test('scales by its trigger metrics-api', async () => {
    await scaling.come(FIRST);
    await scaling.apply(recipe);
    await scaling.wants(forClients(FIRST));
    await scaling.scales(AUTOSCALER, COUNTS);
  });

  test('believes operators by their authority, once it is told of it', async () => {
    const [trigger = assert.fail(), ...others] = triggersOf(recipe);
    assert.deepEqual(others, []);
    const { unsafeSsl, ...metadata } = trigger.metadata;
    assert.equal(unsafeSsl, 'true');
    await scaling.apply(triggeredBy(recipe, [{ ...trigger, metadata }]));
    await scaling.scales(AUTOSCALER, HAS_NO_NUMBER);

    const secret = ['get', 'secret/wscluster-operator-metrics', AUTHORITY];
    await tellKedaOf(target.kubectl, await target.kubectl('-n', SYSTEM, ...secret));
    await scaling.scales(AUTOSCALER, COUNTS);
    await scaling.come(MORE);
    await scaling.wants(forClients(FIRST + MORE));
  });

  test('keeps replicas while there is nobody to ask, and goes on then', async () => {
    await becomesReady(target.kubectl, scaling.namespace);
    await operators(0);
    await scaling.scales(AUTOSCALER, HAS_NO_NUMBER);
    await scaling.leave();
    for (let second = 0; second < 3 * PATIENCE_S; second += 1) {
      assert.equal(await scaling.wanted(), forClients(FIRST + MORE));
      await pause(1_000);
    }
    await operators(2);
    await leader(target.kubectl, SYSTEM);
    await scaling.wants(BOUNDS.least);
  });

  test('scales by what Prometheus has of the gateways', async () => {
    const fragment = await scaling.fragment('With KEDA and Prometheus', 'triggers');
    const shown = fragment.replace('http://prometheus.monitoring.svc:9090', monitoring.url);
    const { triggers } = parse(shown) as { readonly triggers: readonly Trigger[] };
    await scaling.apply(triggeredBy(recipe, triggers));
    await scaling.come(FIRST);
    await scaling.wants(forClients(FIRST));
    await scaling.scales(AUTOSCALER, COUNTS);
    await scaling.leave();
    await scaling.wants(BOUNDS.least);
  });

  test('has the place of External metrics all the time: operators leave it', async () => {
    assert.equal(await scaling.served(), SERVED);
  });
});
