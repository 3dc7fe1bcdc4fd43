import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';

/** What a suite measured, for the table of docs/operations.md. */
export interface Figure {
  readonly what: string;
  readonly seen: string;
  /** Empty: nothing is asked of it. */
  readonly aim: string;
}

/** The file in which they are gathered; without it they are printed only. */
export const FIGURES = 'E2E_FIGURES';
const BEGIN = '<!-- figures -->\n';
const END = '<!-- end of figures -->\n';

/** Says what was found, and keeps it for whoever asked for a report. */
export function figure(found: Figure): void {
  const { what, seen, aim } = found;
  console.log(`${what}: ${seen}${aim === '' ? '' : ` (${aim})`}`);
  const file = process.env[FIGURES];
  if (file !== undefined) appendFileSync(file, `${JSON.stringify(found)}\n`);
}

/** Puts what was gathered where a page has its table. Throws when there is none, or no place. */
export function tabulate(file: string, page: string): number {
  const lines = readFileSync(file, 'utf8').split('\n').filter(Boolean);
  const figures = lines.map((line) => JSON.parse(line) as Figure);
  const text = readFileSync(page, 'utf8');
  const [begin, end] = [text.indexOf(BEGIN), text.indexOf(END)];
  if (figures.length === 0) throw new Error('no suite that ran has a figure');
  if (begin < 0 || end < begin) throw new Error(`${page}: no place for a table of figures`);
  const rows = figures.map(({ what, seen, aim }) => `| ${what} | ${seen} | ${aim} |\n`);
  const table = ['| | seen | aim |\n', '|---|---|---|\n', ...rows].join('');
  const head = text.slice(0, begin + BEGIN.length);
  writeFileSync(page, `${head}\n${table}\n${text.slice(end)}`);
  return figures.length;
}
