// `node prune.ts <node_modules>`: removes what nothing loads at run time, which is more than half
// of it: declarations of types, source maps, texts for people (but licences), the packages' own
// tests and examples, and links to folders of ours.

import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';

const [root = ''] = process.argv.slice(2);
const UNUSED = /(\.d\.[cm]?ts|\.map|\.md|\.markdown)$/i;
const LICENCE = /licen[cs]e|notice|copying/i;
const FOLDERS =
  /^(\.github|__tests__|benchmarks?|docs|examples?|integration|test|tests|test-d|fixtures)$/;

for (const entry of readdirSync(root, { recursive: true, withFileTypes: true })) {
  const { name, parentPath } = entry;
  const path = join(parentPath, name);
  const unused = entry.isFile()
    ? UNUSED.test(name) && !LICENCE.test(name)
    : // Deeper down a folder of such a name may be part of the program.
      entry.isDirectory() && FOLDERS.test(name) && existsSync(join(parentPath, 'package.json'));
  const ours = entry.isSymbolicLink() && parentPath === join(root, '@wscluster');
  if (unused || ours) rmSync(path, { recursive: true, force: true });
}
