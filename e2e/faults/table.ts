import type { RowResult } from './row.ts';

const HEADINGS = [
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
  const all = [HEADINGS, ...lines];
  const widths = HEADINGS.map((_, at) => Math.max(...all.map((line) => line[at]?.length ?? 0)));
  const padded = all.map((line) => line.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join('  '));
  return padded.join('\n');
}
