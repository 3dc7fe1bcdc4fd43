import { createHash } from 'node:crypto';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { Target as ProductTarget } from '../../scripts/images/builders.ts';
import { type Artefact, build } from './artefacts.ts';
import { run } from './command.ts';
import { ARCHIVE, AUTHORITIES, buildImage, type Image, nodeImage } from './images.ts';

const ROOT = join(import.meta.dirname, '..', '..');
/** What `.dockerignore` lets in, and the Dockerfile itself. */
const CONTEXT = ['Dockerfile', '.dockerignore', 'LICENSE', 'package*.json', '*/package.json'];
const SOURCES = ['protocol', 'client', 'gateway', 'operator', 'scripts/images'];

/** The product's image, from the Dockerfile; a stand-in takes the place of the image of Node. */
export async function productImage(target: ProductTarget): Promise<Image> {
  const { version } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8'));
  const name = `docker.io/wscluster/${target}:${version}`;
  const node = await nodeImage();
  return {
    name,
    archive: async (say) => {
      const base = await node.archive(say);
      const artefact: Artefact = {
        name: `image-wscluster-${target}`,
        version,
        inputs: [base, contextDigest()],
        make: async (folder) => {
          const npmrc = join(folder, 'npmrc');
          await writeFile(npmrc, await npmSettings());
          await buildImage(
            {
              ...{ name, context: ROOT, bases: [base] },
              args: ['--target', target, '--volume', `${npmrc}:/root/.npmrc:ro`],
            },
            join(folder, ARCHIVE),
          );
          await rm(npmrc);
        },
      };
      return join(await build(artefact, say), ARCHIVE);
    },
  };
}

function contextDigest(): string {
  const patterns = [...CONTEXT, ...SOURCES.map((folder) => `${folder}/**/*`)];
  const paths = globSync(patterns, { cwd: ROOT, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.parentPath.includes('node_modules'))
    .map(({ parentPath, name }) => join(parentPath, name))
    .sort();
  const hash = createHash('sha256');
  for (const path of paths) hash.update(`${path.slice(ROOT.length)}\n`).update(readFileSync(path));
  return hash.digest('hex');
}

/** As npm is set up here, and by the authorities of this machine. */
async function npmSettings(): Promise<string> {
  const own = join(homedir(), '.npmrc');
  const registry = (await run('npm', ['config', 'get', 'registry'])).trim();
  return [
    existsSync(own) ? await readFile(own, 'utf8') : '',
    `registry=${registry}`,
    ...(existsSync(AUTHORITIES) ? [`cafile=${AUTHORITIES}`] : []),
    '',
  ].join('\n');
}
