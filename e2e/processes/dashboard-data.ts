import { type DashboardPanel, dashboardOf } from '../../scripts/observability/dashboard.ts';
import { declaration, type Program } from '../../scripts/observability/declared.ts';
import { rows } from '../../scripts/observability/layout.ts';
import { until } from '../deadline.ts';
import type { Prometheus } from './prometheus.ts';

/** As Grafana chooses it of a range and of how often Prometheus reads. */
const RATE_INTERVAL = '10s';
const DEADLINE_MS = 60_000;

/** The panels about one program, and that of its rows' titles. */
async function panelsOf(program: Program): Promise<DashboardPanel[]> {
  const about = rows.filter((row) => row.program === program);
  return dashboardOf(about, await declaration()).panels.filter(({ type }) => type !== 'row');
}

/** With everything chosen that there is to choose. */
const asked = (expression: string) =>
  expression
    .replaceAll('$__rate_interval', RATE_INTERVAL)
    .replaceAll(/"\$(namespace|wscluster|pod)"/g, '".*"');

/**
 * Waits until every query of every panel about a program has data: a number, zero or not. Resolves
 * to how many queries there are.
 */
export async function haveData(prometheus: Prometheus, program: Program): Promise<number> {
  const queries = (await panelsOf(program)).flatMap(({ title, targets = [] }) =>
    targets.map(({ refId, expr }) => ({ name: `${title} ${refId}`, expression: asked(expr) })),
  );
  let empty: string[] = [];
  await until(
    async () => {
      empty = [];
      for (const { name, expression } of queries) {
        const samples = await prometheus.query(expression);
        if (!samples.some(({ value }) => Number.isFinite(value))) empty.push(name);
      }
      return empty.length === 0;
    },
    { for: () => `data for ${empty.join(', ')}`, deadlineMs: DEADLINE_MS, everyMs: 500 },
  );
  return queries.length;
}
