// `node strip.ts <from> <to>`: copies a folder, and makes of each `x.ts` in it an `x.js` without
// types, which Node runs as it is: to take them out at each start costs a process 25 MB and half of
// the start. Blanks stand where a type stood, and `./x.js` is as long as `./x.ts`: every line and
// column is that of the source. It runs while an image is built, with nothing but Node around it.

import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { join } from 'node:path';

const [from = '', to = ''] = process.argv.slice(2);
/** `from './x.ts'`, `import './x.ts'` and `import('./x.ts')`. */
const IMPORT = /\b(from |import |import\()'(\.[^']*)\.ts'/g;
const NAMED = /^.*'[^'\s]*\.ts'.*$/m;

cpSync(from, to, { recursive: true });
for (const { name, parentPath } of readdirSync(to, { recursive: true, withFileTypes: true })) {
  if (!name.endsWith('.ts')) continue;
  const path = join(parentPath, name);
  const code = stripTypeScriptTypes(readFileSync(path, 'utf8')).replaceAll(IMPORT, "$1'$2.js'");
  const [line] = NAMED.exec(code) ?? [];
  if (line !== undefined) throw new Error(`${path} names a file that will not be there: ${line}`);
  writeFileSync(path.replace(/\.ts$/, '.js'), code);
  rmSync(path);
}
