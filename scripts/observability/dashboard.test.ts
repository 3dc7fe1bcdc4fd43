import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import { type DashboardPanel, dashboardOf } from './dashboard.ts';
import { type Declaration, declaration } from './declared.ts';
import { undeclared } from './expression.ts';
import { rows } from './layout.ts';
import { panel } from './panel.ts';

const OPERATIONS = join(import.meta.dirname, '..', '..', 'docs', 'operations.md');

describe('the dashboard', () => {
  let declared: Declaration;
  let all: readonly DashboardPanel[];
  let drawn: readonly DashboardPanel[];

  before(async () => {
    declared = await declaration();
    all = dashboardOf(rows, declared).panels;
    drawn = all.filter(({ type }) => type !== 'row');
  });

  it('asks for metrics, labels and values that are declared', () => {
    const wrong = drawn.flatMap(({ title, targets = [] }) =>
      targets.flatMap(({ expr }) =>
        undeclared(expr, declared).map((problem) => `${title}: ${problem}`),
      ),
    );
    assert.deepEqual(wrong, []);
  });

  it('has panels within its columns, none of which lies on another', () => {
    for (const { title, gridPos } of all) {
      assert.ok(gridPos.x >= 0 && gridPos.x + gridPos.w <= 24, title);
    }
    for (const [index, { title, gridPos: a }] of all.entries()) {
      for (const { title: other, gridPos: b } of all.slice(index + 1)) {
        const isBeside = a.x + a.w <= b.x || b.x + b.w <= a.x;
        const isBelow = a.y + a.h <= b.y || b.y + b.h <= a.y;
        assert.ok(isBeside || isBelow, `${title} and ${other}`);
      }
    }
  });

  it('has a title of its own, a unit, a description and queries in each panel', () => {
    const titles = drawn.map(({ title }) => title);
    assert.equal(new Set(titles).size, titles.length);
    for (const { title, description = '', fieldConfig, targets = [] } of drawn) {
      assert.match(description, /^\S.*\S$/s, title);
      assert.ok(fieldConfig?.defaults.unit, title);
      assert.ok(targets.length > 0, title);
    }
    assert.equal(new Set(all.map(({ id }) => id)).size, all.length);
  });

  it('is given a metric, a label or a histogram only as declared', () => {
    const drawing = (query: object) => {
      const panels = [panel(['a', 'short'], '', [{ metric: 'wscluster_ready', ...query }])];
      return () => dashboardOf([{ title: 'a', program: 'gateway', panels }], declared);
    };
    assert.throws(drawing({ metric: 'wscluster_readi' }), /there is no metric wscluster_readi/);
    assert.throws(drawing({ by: ['state'] }), /wscluster_ready has no label state/);
    assert.throws(drawing({ where: { state: 'open' } }), /wscluster_ready has no label state/);
    assert.throws(drawing({ metric: 'wscluster_round_trip_seconds' }), /which quantile/);
  });

  it('has every panel and row that a runbook speaks of', () => {
    const text = readFileSync(OPERATIONS, 'utf8').replaceAll(/\s+/g, ' ');
    const runbooks = text.slice(text.indexOf(' ### WsCluster'));
    const slanted = runbooks.matchAll(/(?<!\*)\*([^*]+)\*(?!\*)/g);
    const spoken = [...slanted].map(([, title]) => title ?? '');
    const titles = new Set(all.map(({ title }) => title));
    assert.ok(spoken.length > 10);
    assert.deepEqual(
      spoken.filter((title) => !titles.has(title)),
      [],
    );
  });
});
