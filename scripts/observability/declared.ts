import type { MetricObjectWithValues, MetricValue, Registry } from 'prom-client';
import { Metrics } from '../../gateway/metrics/metrics.ts';
import { conditionTypes } from '../../operator/api/status.ts';
import { conditionSeries } from '../../operator/condition-series.ts';
import { KubeMetrics } from '../../operator/kube/metrics.ts';
import { NAMES } from '../../operator/operator.ts';

/** Who has a series. */
export type Program = 'gateway' | 'operator';

/** A metric as its program declares it. */
export interface Declared {
  readonly name: string;
  readonly program: Program;
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
  /** Every value that each label has; of `OPEN_LABELS` an example. */
  readonly labels: ReadonlyMap<string, ReadonlySet<string>>;
}

/** By name. */
export type Declaration = ReadonlyMap<string, Declared>;

/** Labels whose values are chosen where the program runs. */
export const OPEN_LABELS: ReadonlySet<string> = new Set(['host', 'wscluster']);

const everyCondition = {
  metadata: { namespace: 'NAMESPACE', name: 'NAME' },
  status: { conditions: Object.keys(conditionTypes).map((type) => ({ type, status: 'True' })) },
};

/** Every metric of both programs, read from the registries that they serve. */
export async function declaration(): Promise<Declaration> {
  const operator = new KubeMetrics({
    host: 'the API server’s',
    ...{ controllers: [NAMES.controller], leases: [NAMES.lease] },
  });
  conditionSeries(operator.registry, () => [everyCondition]);
  const all = [
    ...(await metricsOf('gateway', new Metrics().registry)),
    ...(await metricsOf('operator', operator.registry)),
  ];
  return new Map(all.map((one) => [one.name, one]));
}

async function metricsOf(program: Program, registry: Registry): Promise<Declared[]> {
  const all = (await registry.getMetricsAsJSON()) as MetricObjectWithValues<MetricValue<string>>[];
  return all.map(({ name, type, help, values }) => {
    const kind = String(type);
    if (kind !== 'counter' && kind !== 'gauge' && kind !== 'histogram') {
      throw new Error(`${name}: nobody makes panels of a ${kind}`);
    }
    return { name, program, type: kind, help, labels: labelsOf(values) };
  });
}

function labelsOf(values: readonly MetricValue<string>[]): Map<string, Set<string>> {
  const all = new Map<string, Set<string>>();
  for (const { labels } of values) {
    for (const [label, value] of Object.entries(labels)) {
      if (label === 'le' || value === undefined) continue;
      const known = all.get(label) ?? new Set();
      all.set(label, known.add(String(value)));
    }
  }
  return all;
}
