import { NAMES } from '../../operator/operator.ts';
import { type Declaration, type Declared, declaration } from './declared.ts';
import { rows } from './layout.ts';
import type { Panel, Query, Row } from './panel.ts';

interface Place {
  readonly x: number;
  readonly y: number;
  readonly w: number;
  readonly h: number;
}

/** As Grafana reads it, as far as tests look at it. */
export interface DashboardPanel {
  readonly id: number;
  readonly type: 'row' | Panel['type'];
  readonly title: string;
  readonly gridPos: Place;
  readonly description?: string;
  readonly fieldConfig?: {
    readonly defaults: { readonly unit: string; readonly min: number };
    readonly overrides: readonly object[];
  };
  readonly options?: object;
  readonly targets?: readonly {
    readonly refId: string;
    readonly expr: string;
    readonly legendFormat: string;
  }[];
}

/** Columns of Grafana's grid. */
const COLUMNS = 24;
const SOURCE = { type: 'prometheus', uid: '$datasource' };
/** What one chooses above the dashboard; a PodMonitor names the job after its WsCluster. */
const CHOSEN = 'namespace=~"$namespace",job=~"$wscluster",pod=~"$pod"';

/** `dashboards/wscluster.json` of the chart. */
export async function dashboardFile(): Promise<string> {
  return `${JSON.stringify(dashboardOf(rows, await declaration()), undefined, 2)}\n`;
}

/** Throws for a metric or a label that is not declared. */
export function dashboardOf(
  all: readonly Row[],
  declared: Declaration,
): { readonly panels: readonly DashboardPanel[] } {
  return {
    ...{ uid: 'wscluster', title: 'WsCluster', tags: ['wscluster'], schemaVersion: 39 },
    ...{ editable: true, graphTooltip: 1, refresh: '30s', time: { from: 'now-1h', to: 'now' } },
    ...{ templating: { list: variables() }, annotations: { list: [] }, links: [] },
    panels: panelsOf(all, declared),
  };
}

function variables(): object[] {
  const query = (name: string, label: string, of: string) => ({
    ...{ name, label, type: 'query', datasource: SOURCE, refresh: 2, sort: 1 },
    ...{ query: { query: of, refId: name } },
    ...{ includeAll: true, multi: true, allValue: '.*', current: { text: 'All', value: '$__all' } },
  });
  const ready = (chosen: string, label: string) =>
    `label_values(wscluster_ready${chosen}, ${label})`;
  return [
    { name: 'datasource', label: 'Prometheus', type: 'datasource', query: 'prometheus' },
    query('namespace', 'Namespace', ready('', 'namespace')),
    query('wscluster', 'WsCluster', ready('{namespace=~"$namespace"}', 'job')),
    query('pod', 'Pod', ready('{namespace=~"$namespace",job=~"$wscluster"}', 'pod')),
  ];
}

/** Row below row, and in each from left to right as far as there is room. */
function panelsOf(all: readonly Row[], declared: Declaration): DashboardPanel[] {
  const panels: DashboardPanel[] = [];
  let y = 0;
  const add = (one: Omit<DashboardPanel, 'id'>) => panels.push({ id: panels.length + 1, ...one });
  for (const row of all) {
    const title = { type: 'row', title: row.title, collapsed: false, panels: [] } as const;
    add({ ...title, gridPos: { x: 0, y, w: COLUMNS, h: 1 } });
    y += 1;
    let x = 0;
    let height = 0;
    for (const panel of row.panels) {
      const { width: w, height: h } = panel;
      if (x + w > COLUMNS) [x, y, height] = [0, y + height, 0];
      add({ ...drawn(panel, declared), gridPos: { x, y, w, h } });
      x += w;
      height = Math.max(height, h);
    }
    y += height;
  }
  return panels;
}

function drawn(panel: Panel, declared: Declaration): Omit<DashboardPanel, 'id' | 'gridPos'> {
  const { type, title, about, unit, queries } = panel;
  const metrics = queries.map((query) => metricOf(query, declared));
  const helps = new Set(metrics.map(({ name, help }) => `\`${name}\`: ${help}`));
  const legend = { showLegend: true, displayMode: 'list', placement: 'bottom' };
  return {
    ...{ type, title, datasource: SOURCE },
    description: [...(about === '' ? [] : [about]), ...helps].join('\n\n'),
    fieldConfig: { defaults: { unit, min: 0 }, overrides: [] },
    options:
      type === 'stat'
        ? { reduceOptions: { calcs: ['lastNotNull'] }, colorMode: 'none' }
        : { legend, tooltip: { mode: 'multi', sort: 'desc' } },
    targets: queries.map((query, index) => ({
      ...{ refId: String.fromCharCode('A'.charCodeAt(0) + index), datasource: SOURCE },
      expr: expressionOf(query, metricOf(query, declared)),
      legendFormat: query.legend ?? legendOf(query),
    })),
  };
}

function metricOf({ metric, by = [], where = {} }: Query, declared: Declaration): Declared {
  const found = declared.get(metric);
  if (found === undefined) throw new Error(`there is no metric ${metric}`);
  for (const label of [...by, ...Object.keys(where)]) {
    const isKnown = label === 'pod' || found.labels.has(label);
    if (!isKnown) throw new Error(`${metric} has no label ${label}`);
  }
  return found;
}

const legendOf = ({ metric, by = [] }: Query) =>
  by.length === 0 ? metric : by.map((label) => `{{${label}}}`).join(' ');

/** As its type wants to be looked at. */
function expressionOf(query: Query, metric: Declared): string {
  const { by = [], quantile, greatest = false } = query;
  const series = (suffix = '') => seriesOf(query, metric, suffix);
  const added = (labels: readonly string[], what: string) => {
    const grouping = labels.length === 0 ? '' : `by (${labels.join(', ')}) `;
    return `${greatest ? 'max' : 'sum'} ${grouping}(${what})`;
  };
  if (metric.type === 'histogram') {
    if (quantile === undefined) throw new Error(`${metric.name}: which quantile?`);
    return `histogram_quantile(${quantile}, ${added(['le', ...by], series('_bucket'))})`;
  }
  return added(by, series());
}

function seriesOf({ where = {} }: Query, metric: Declared, suffix: string): string {
  const wanted = Object.entries(where).map(([label, value]) => `${label}="${value}"`);
  const matchers = [...wanted, ...ours(metric)].join(',');
  const selector = `${metric.name}${suffix}${matchers === '' ? '' : `{${matchers}}`}`;
  const series = metric.type === 'gauge' ? selector : `rate(${selector}[$__rate_interval])`;
  if (metric.program === 'gateway' || ours(metric).length > 0) return series;
  // Every operator of a cluster has it; ours is the one with the Lease.
  return `${series} and on (job, instance) leader_election_master_status{name="${NAMES.lease}"}`;
}

/** Matchers by which series of other programs are left out, where it has a label for that. */
function ours({ name, program, labels }: Declared): string[] {
  if (program === 'gateway') return [CHOSEN];
  if (labels.has('wscluster')) return ['wscluster=~"$wscluster"'];
  if (labels.has('controller')) return [`controller="${NAMES.controller}"`];
  return name.startsWith('leader_election_') ? [`name="${NAMES.lease}"`] : [];
}
