// `node scripts/run.mjs scripts/links.ts`: links of the markdown pages that lead nowhere.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { deadLinks } from './markdown/links.ts';
import { listFiles } from './tidy/tree.ts';

const root = join(import.meta.dirname, '..');
const paths = listFiles(root);
const pages = new Map(
  paths
    .filter((path) => path.endsWith('.md'))
    .map((path) => [path, readFileSync(join(root, path), 'utf8')]),
);
const dead = deadLinks(pages, new Set(paths));
for (const { path, line, link, problem } of dead) {
  process.stdout.write(`${path}:${line}: ${link}: ${problem}\n`);
}
process.stdout.write(`${pages.size} pages, ${dead.length} dead links\n`);
process.exitCode = dead.length > 0 ? 1 : 0;
