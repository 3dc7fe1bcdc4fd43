import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';

/** The repository's folder for what can be made again; the lab writes nowhere else. */
export const LAB_FOLDER = join(import.meta.dirname, '..', '..', '.cache', 'lab');
const BUILT_FOLDER = join(LAB_FOLDER, 'built');

/** Something that is built once and kept: programs or an image, in a folder. */
export interface Artefact {
  readonly name: string;
  readonly version: string;
  /** All that it is made of: it is built anew when one of these is another. */
  readonly inputs: readonly string[];
  /** Fills the empty folder. */
  make(folder: string): Promise<void>;
}

export type Say = (line: string) => void;

export const folderOf = ({ name, version, inputs }: Artefact): string =>
  join(BUILT_FOLDER, `${name}-${version}-${hashOf(inputs)}`);

function hashOf(inputs: readonly string[]): string {
  return createHash('sha256').update(JSON.stringify(inputs)).digest('hex').slice(0, 12);
}

/** Resolves to its folder, which is complete whenever it is there: it is moved to its place. */
export async function build(artefact: Artefact, say: Say): Promise<string> {
  const folder = folderOf(artefact);
  if (existsSync(folder)) return folder;
  await mkdir(BUILT_FOLDER, { recursive: true });
  const unfinished = await mkdtemp(join(BUILT_FOLDER, 'unfinished-'));
  try {
    const step = `building ${artefact.name} ${artefact.version}`;
    await withProgress(step, say, () => artefact.make(unfinished));
    // Somebody else may have built the same meanwhile.
    if (!existsSync(folder)) await rename(unfinished, folder);
  } finally {
    await rm(unfinished, { recursive: true, force: true });
  }
  return folder;
}

const EVERY_MS = 10_000;

/** Says that a step began, that it goes on, and how it ended. */
export async function withProgress<T>(step: string, say: Say, work: () => Promise<T>): Promise<T> {
  const started = performance.now();
  const seconds = () => ((performance.now() - started) / 1_000).toFixed(1);
  say(`${step} …`);
  const timer = setInterval(() => say(`  … ${seconds()} s`), EVERY_MS);
  try {
    const result = await work();
    say(`  done after ${seconds()} s`);
    return result;
  } catch (error) {
    say(`  failed after ${seconds()} s`);
    throw error;
  } finally {
    clearInterval(timer);
  }
}
