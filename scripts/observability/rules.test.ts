import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { manifest } from '../documents/manifest.ts';
import { anchorsOf } from '../markdown/links.ts';
import { onPath } from '../testing/needs.ts';
import { anchorOf } from './alert.ts';
import { type AlertCase, alertCases } from './alert-cases.ts';
import { alertNames, alerts } from './alerts.ts';
import { declaration } from './declared.ts';
import { undeclared } from './expression.ts';
import { ruleGroups } from './rules.ts';

const run = promisify(execFile);
const RUNBOOKS = join(import.meta.dirname, '..', '..', 'docs', 'operations.md');
const PROMTOOL_MS = 60_000;

const all = Object.values(alerts).flat();

describe('alerts', () => {
  it('ask for metrics, labels and values that are declared', async () => {
    const declared = await declaration();
    const wrong = all.flatMap(({ name, expression }) =>
      undeclared(expression, declared).map((problem) => `${name}: ${problem}`),
    );
    assert.deepEqual(wrong, []);
  });

  it('have each a name of its own, and say what is in one line', () => {
    assert.equal(new Set(alertNames).size, alertNames.length);
    for (const { name, summary, description } of all) {
      assert.match(name, /^WsCluster[A-Z]\w+$/);
      for (const text of [summary, description]) assert.match(text, /^\S.*\.$/, name);
    }
  });

  it('have each a runbook: what it means, how to look, what to do', async () => {
    const text = await readFile(RUNBOOKS, 'utf8');
    const anchors = anchorsOf(text);
    for (const alert of all) {
      assert.ok(anchors.has(anchorOf(alert)), `docs/operations.md has no ${alert.name}`);
      const [, rest = ''] = text.split(`\n### ${alert.name}\n`);
      const [section = ''] = rest.split(/\n##/);
      for (const part of ['What it means', 'How to look', 'What to do']) {
        assert.ok(section.includes(`**${part}:**`), `${alert.name}: ${part}`);
      }
    }
    const written = [...text.matchAll(/^### (WsCluster\w+)$/gm)].map(([, name]) => name);
    assert.deepEqual(written.toSorted(), alertNames.toSorted());
  });

  it('are each seen to fire, and not to', () => {
    for (const name of alertNames) {
      for (const fires of [true, false]) {
        const found = alertCases.some((one) => one.alert === name && one.fires === fires);
        assert.ok(found, `${name}: no case where it ${fires ? 'fires' : 'does not'}`);
      }
    }
  });
});

const skip = !onPath('promtool') && 'no promtool';

describe('promtool', { skip, timeout: PROMTOOL_MS * 2 }, () => {
  let folder: string;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'wscluster-rules-'));
    await writeFile(join(folder, 'rules.yaml'), manifest({ groups: ruleGroups('docs') }));
  });
  after(() => rm(folder, { recursive: true, force: true }));

  const promtool = (...args: readonly string[]) =>
    run('promtool', args, { cwd: folder, timeout: PROMTOOL_MS }).catch((error) => {
      // It says what is wrong on either.
      throw new Error(`${error.stdout}${error.stderr}`);
    });

  it('finds nothing wrong with the rules', async () => {
    const { stdout } = await promtool('check', 'rules', 'rules.yaml');
    assert.match(stdout, new RegExp(`SUCCESS: ${alertNames.length} rules found`));
  });

  it('sees every alert fire when it must, and not when it must not', async () => {
    const tests = { rule_files: ['rules.yaml'], evaluation_interval: '15s' };
    const file = manifest({ ...tests, tests: alertCases.map(testOf) });
    await writeFile(join(folder, 'tests.yaml'), file);
    await promtool('test', 'rules', 'tests.yaml');
  });

  it('would say so if one did not', async () => {
    const [first] = alertCases;
    assert.ok(first !== undefined);
    const tests = [testOf({ ...first, fires: !first.fires })];
    const file = manifest({ rule_files: ['rules.yaml'], evaluation_interval: '15s', tests });
    await writeFile(join(folder, 'wrong.yaml'), file);
    await assert.rejects(promtool('test', 'rules', 'wrong.yaml'), new RegExp(first.alert));
  });
});

/** Asks how many of that name fire: what they say is seen with a Prometheus that runs. */
function testOf({ alert, when, fires, series, atMinutes }: AlertCase): object {
  return {
    name: `${alert} ${fires ? 'fires' : 'does not fire'} when ${when}`,
    interval: '15s',
    input_series: Object.entries(series).map(([name, values]) => ({ series: name, values })),
    promql_expr_test: [
      {
        expr: `count(ALERTS{alertname="${alert}",alertstate="firing"}) > bool 0 or vector(0)`,
        eval_time: `${atMinutes}m`,
        exp_samples: [{ labels: '{}', value: fires ? 1 : 0 }],
      },
    ],
  };
}
