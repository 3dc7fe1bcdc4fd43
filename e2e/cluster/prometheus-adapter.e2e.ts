import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { ruleGroups } from '../../scripts/observability/rules.ts';
import { until } from '../deadline.ts';
import { refuseDefinition } from './definition.ts';
import { BOUNDS, ForeignScaling, forClients, SYSTEM } from './foreign-scaling.ts';
import { startInstallable } from './installation.ts';
import { Monitoring } from './monitoring.ts';
import { installPrometheusAdapter } from './prometheus-adapter.ts';
import { labOnly, type Target } from './target.ts';

const HEADING = 'With prometheus-adapter';
const CLIENTS = 100;
const SCRAPED = { deadlineMs: 120_000, everyMs: 1_000 };

describe('Prometheus’ operator and adapter, as docs/autoscaling.md says', labOnly, () => {
  let target: Target;
  let scaling: ForeignScaling;
  let monitoring: Monitoring;

  before(async () => {
    target = await startInstallable();
    await refuseDefinition(target.kubectl);
    monitoring = await Monitoring.start(target);
    scaling = await ForeignScaling.start(target, {
      where: `adapter-${process.pid}`,
      values: ['podMonitor.enabled=true', 'prometheusRule.enabled=true'],
      spec: { metrics: { podMonitor: { enabled: true, intervalSeconds: 5 } } },
    });
  });

  after(async () => {
    await scaling?.leave();
    await target?.stop();
  });

  test('Prometheus reads gateways and operators by their PodMonitors', async () => {
    for (const job of [`${scaling.namespace}/chat`, `${SYSTEM}/wscluster-operator`]) {
      let seen = '';
      const isUp = async () => {
        const samples = await monitoring.query(`up{job="${job}"}`);
        seen = JSON.stringify(samples);
        return samples.length > 0 && samples.every(({ value: [, value] }) => value === '1');
      };
      await until(isUp, { for: () => `targets of ${job} to be up, not ${seen}`, ...SCRAPED });
    }
  });

  test('Prometheus takes every alert of the chart’s PrometheusRule', async () => {
    const ours = ruleGroups('docs/operations.md').flatMap(({ rules }) =>
      rules.map(({ alert }) => alert),
    );
    assert.ok(ours.length > 0);
    let missing: readonly string[] = ours;
    const hasAll = async () => {
      const rules = await monitoring.rules();
      missing = ours.filter((name) => !rules.has(name));
      return missing.length === 0;
    };
    await until(hasAll, { for: () => `these alerts: ${missing.join(', ')}`, ...SCRAPED });
  });

  test('an autoscaler scales by what prometheus-adapter has of the gateways', async () => {
    const rules = await scaling.fragment(HEADING, 'externalRules');
    await installPrometheusAdapter(target, { url: monitoring.url, rules });
    await scaling.come(CLIENTS);
    await scaling.apply(await scaling.recipe(HEADING, ['minReplicas', 'maxReplicas']));
    await scaling.wants(forClients(CLIENTS));
    await scaling.scales('chat', 'True ValidMetricFound');
    await scaling.leave();
    await scaling.wants(BOUNDS.least);
  });
});
