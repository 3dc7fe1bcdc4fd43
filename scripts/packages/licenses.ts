import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * The licenses of the packages whose files went into a bundle, as each has to be handed on with it.
 * Throws for one that has none.
 *
 * @param inputs Paths of files, relative to `root`.
 */
export function licensesOf(root: string, inputs: readonly string[]): string {
  const folders = new Set(inputs.flatMap((path) => FOLDER.exec(path)?.[0] ?? []));
  return [...folders]
    .sort()
    .map((folder) => licenseOf(join(root, folder)))
    .join('\n');
}

/** Of the innermost package: one may have packages of its own. */
const FOLDER = /^.*node_modules\/(@[^/]+\/)?[^/]+/;

function licenseOf(folder: string): string {
  const { name, version, license } = JSON.parse(
    readFileSync(join(folder, 'package.json'), 'utf8'),
  ) as { readonly name: string; readonly version: string; readonly license?: string };
  const [file] = globSync('{LICEN[CS]E,licen[cs]e,COPYING}*', { cwd: folder }).sort();
  if (file === undefined && license === undefined) {
    throw new Error(`${name} ${version} says nothing about its license`);
  }
  const text = file === undefined ? '' : readFileSync(join(folder, file), 'utf8').trim();
  return `${name} ${version}: ${license ?? 'as it says'}\n\n${text}\n`;
}
