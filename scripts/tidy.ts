// `node scripts/run.mjs scripts/tidy.ts`: the house rules. One line for each offence: where, what,
// and what to do instead.

import { join } from 'node:path';
import { checkImports } from './tidy/import-rules.ts';
import { checkPackages } from './tidy/package-rules.ts';
import { checkSyntax } from './tidy/syntax-rules.ts';
import { checkText } from './tidy/text-rules.ts';
import { listFiles, readTree } from './tidy/tree.ts';

const root = join(import.meta.dirname, '..');
const tree = readTree(root, listFiles(root));
const offences = [
  ...checkText(tree.files),
  ...checkSyntax(tree.modules.values()),
  ...checkImports(tree),
  ...checkPackages(tree),
].toSorted((a, b) => a.path.localeCompare(b.path) || a.line - b.line);

for (const { path, line, message } of offences) {
  process.stdout.write(`${path}:${line}: ${message}\n`);
}
const count = offences.length === 1 ? '1 offence' : `${offences.length} offences`;
process.stdout.write(`${tree.files.length} files, ${count}\n`);
process.exitCode = offences.length > 0 ? 1 : 0;
