import { basename, extname } from 'node:path';
import { isTestFile } from './layers.ts';
import type { Offence, TreeFile } from './tree.ts';

const COLUMNS = 100;
const FILE_LINES = 400;
const TEST_FILE_LINES = 800;
const BLOB_BYTES = 256 * 1024;

const CODE = new Set(['.ts', '.mjs', '.css', '.html', '.lua', '.py', '.go']);
const KNOWN = new Set([
  ...CODE,
  '.json',
  '.md',
  '.png',
  '.svg',
  '.txt',
  '.yaml',
  '.yml',
  '.tpl',
  '.mod',
  '.sum',
]);
const NAMES_WITHOUT_ENDING = new Set([
  'LICENSE',
  'Dockerfile',
  'charts/wscluster/.helmignore',
  '.dockerignore',
  '.ci/run',
  '.editorconfig',
  '.gitattributes',
  '.gitignore',
  '.npmrc',
]);

/** Names that say nothing about what is inside. */
const EMPTY_NAME = /^(misc|shared|lib|stuff)$|(^|-)(utils?|helpers?|common)(-|$)/;

/** Written in pieces, so that this file does not offend itself. */
const LEFTOVERS = new RegExp(`\\b(${['TO', 'FIX', 'XX', 'HA'].join('|')})(DO|ME|X|CK)\\b`);
const SILENCERS = new RegExp(`@ts-(${['ignore', 'expect-error', 'nocheck'].join('|')})`);

/** What every text says about itself without being parsed. */
export function checkText(files: readonly TreeFile[]): Offence[] {
  return files.flatMap((file) => [
    ...checkName(file),
    ...checkBlob(file),
    ...(file.text === undefined ? [] : checkLines(file.path, file.text)),
  ]);
}

function checkName({ path, text, executable }: TreeFile): Offence[] {
  const found: string[] = [];
  const segments = path.split('/').map((part) => part.split('.')[0] ?? '');
  const empty = segments.find((part) => EMPTY_NAME.test(part));
  if (empty !== undefined) {
    found.push(`"${empty}" says nothing; name it by the noun of the domain that it holds`);
  }
  if (!KNOWN.has(extname(path)) && !NAMES_WITHOUT_ENDING.has(path)) {
    found.push(`a file of an unknown kind; add "${extname(path) || basename(path)}" to the rule`);
  }
  if (executable !== (text?.startsWith('#!') ?? false)) {
    found.push(executable ? 'executable without "#!": chmod -x' : '"#!" and not executable');
  }
  return found.map((message) => ({ path, line: 1, message }));
}

function checkBlob({ path, bytes }: TreeFile): Offence[] {
  if (bytes <= BLOB_BYTES) return [];
  const message = `${Math.ceil(bytes / 1024)} KiB; at most ${BLOB_BYTES / 1024} belong into git`;
  return [{ path, line: 1, message }];
}

function checkLines(path: string, text: string): Offence[] {
  const offences: Offence[] = [];
  const lines = text.split('\n');
  const code = CODE.has(extname(path));
  const limit = isTestFile(path) ? TEST_FILE_LINES : FILE_LINES;
  if (code && lines.length - 1 > limit) {
    offences.push({
      path,
      line: limit + 1,
      message: `${lines.length - 1} lines; at most ${limit}: split it by idea`,
    });
  }
  for (const [index, line] of lines.entries()) {
    const message = lineProblem(line, code);
    if (message !== undefined) offences.push({ path, line: index + 1, message });
  }
  return offences;
}

function lineProblem(line: string, code: boolean): string | undefined {
  const leftover = LEFTOVERS.exec(line);
  if (leftover !== null) return `${leftover[0]} is left over: do it, or open an issue`;
  if (!code) return undefined;
  if (SILENCERS.test(line)) return 'a silenced type error: make the types true instead';
  const length = [...line].length;
  // An address cannot be broken.
  if (length > COLUMNS && !/https?:\/\/\S{60}/.test(line)) {
    return `${length} columns; at most ${COLUMNS}`;
  }
  return undefined;
}
