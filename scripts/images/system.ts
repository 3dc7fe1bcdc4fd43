// `node system.ts <folder>`: copies into the folder all of a system that Node needs, at the paths
// where it looks for it. It runs while an image is built, with nothing but Node around it.

import { copyFileSync, existsSync, mkdirSync, realpathSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

const [root = ''] = process.argv.slice(2);
const NODE = '/usr/local/bin/node';
const USER = 65_532;

/** Libraries as the loader names them; the kernel's own is no file. */
const { sharedObjects } = process.report.getReport() as { sharedObjects: readonly string[] };
const libraries = sharedObjects.filter((path) => path.startsWith('/') && existsSync(path));
if (libraries.length === 0) throw new Error('Node does not say which libraries it has loaded');

for (const [from, to] of [...libraries.map((path) => [path, path]), [process.execPath, NODE]]) {
  const target = join(root, to ?? '');
  mkdirSync(dirname(target), { recursive: true });
  copyFileSync(realpathSync(from ?? ''), target);
}
mkdirSync(join(root, 'etc'), { recursive: true });
mkdirSync(join(root, 'tmp'), { mode: 0o1777 });
writeFileSync(join(root, 'etc/passwd'), `wscluster:x:${USER}:${USER}::/app:/sbin/nologin\n`);
writeFileSync(join(root, 'etc/group'), `wscluster:x:${USER}:\n`);
