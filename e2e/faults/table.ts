import { holds } from './demands.ts';
import type { RowResult } from './run.ts';

const HEADINGS: readonly string[] = [
  'row',
  'fault',
  'result',
  'deliveries',
  'published',
  'unknown',
  'reconnects',
  'gaps',
  'false',
  'acked lost',
  'silent',
  'repeats',
  'level ms',
  's',
];

/** The figures of a run, one line a row. */
export function tableOf(results: readonly RowResult[]): string {
  const lines = results.map(({ row, verdict: { figures }, complaints, seconds }) => [
    row.row,
    row.title,
    complaints.length === 0 ? 'passed' : 'FAILED',
    String(figures.deliveries),
    String(figures.published),
    String(figures.unknown),
    String(figures.reconnects),
    Object.entries(figures.gaps)
      .map(([reason, times]) => `${times} ${reason}`)
      .join(', ') || '0',
    String(figures.falseGaps),
    String(figures.ackedLost),
    String(figures.silent),
    String(figures.wireDuplicates),
    String(figures.catchUpMs),
    seconds.toFixed(1),
  ]);
  return `${aligned([HEADINGS, ...lines])}\n\n${demandsOf(results)}`;
}

/** What was measured in each row, beside the bound that it had to keep. */
function demandsOf(results: readonly RowResult[]): string {
  const lines = results.flatMap(({ row, demands }) =>
    demands.map((demand) => [
      row.row,
      demand.what,
      String(demand.measured),
      `${demand.is} ${demand.bound}`,
      holds(demand) ? '' : 'NOT KEPT',
    ]),
  );
  return aligned([['row', 'measured', '', 'bound', ''], ...lines]);
}

function aligned(lines: readonly (readonly string[])[]): string {
  const widths = (lines[0] ?? []).map((_, at) =>
    Math.max(...lines.map((line) => line[at]?.length ?? 0)),
  );
  return lines
    .map((line) =>
      line
        .map((cell, at) => cell.padEnd(widths[at] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
