import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdir, readFile, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { until } from '../deadline.ts';

/**
 * Every kubelet needs a cgroup root of its own: two on one end each other's pods. Unlike all else
 * of a lab, cgroups outlive the processes in them.
 */

interface Hierarchy {
  readonly folder: string;
  readonly version: 1 | 2;
}

const END_MS = 20_000;

/** Where cgroups are mounted. Beside version 1, version 2 may be there too. */
function hierarchies(): Hierarchy[] {
  const mounts = readFileSync('/proc/self/mounts', 'utf8').trim().split('\n');
  return mounts.flatMap((line): Hierarchy[] => {
    const [, folder = '', type] = line.split(' ');
    if (type === 'cgroup') return [{ folder, version: 1 }];
    return type === 'cgroup2' ? [{ folder, version: 2 }] : [];
  });
}

/** Makes `name` and `name/child` for each child, ready for containers, in every hierarchy. */
export async function makeCgroups(name: string, children: readonly string[]): Promise<void> {
  const all = hierarchies();
  const first = all.filter(({ version }) => version === 1);
  // Beside version 1, version 2 has no controllers that matter to containers.
  for (const { folder, version } of first.length > 0 ? first : all) {
    if (version === 2) await passControllersOn(folder, folder);
    for (const path of [name, ...children.map((child) => join(name, child))]) {
      const cgroup = join(folder, path);
      await mkdir(cgroup, { recursive: true });
      if (version === 2) await passControllersOn(folder, cgroup);
      else await inheritProcessors(cgroup);
    }
  }
}

async function passControllersOn(root: string, cgroup: string): Promise<void> {
  const controllers = (await readFile(join(root, 'cgroup.controllers'), 'utf8')).trim();
  const wanted = controllers.split(' ').map((controller) => `+${controller}`);
  await writeFile(join(cgroup, 'cgroup.subtree_control'), wanted.join(' '));
}

/** A cpuset begins empty, and what is empty takes no process. */
async function inheritProcessors(cgroup: string): Promise<void> {
  for (const file of ['cpuset.cpus', 'cpuset.mems']) {
    const own = join(cgroup, file);
    if (!existsSync(own)) return;
    await writeFile(own, await readFile(join(cgroup, '..', file), 'utf8'));
  }
}

/** Lets frozen containers go on: they cannot be killed before. */
export async function thawCgroups(name: string): Promise<void> {
  for (const { folder, version } of hierarchies()) {
    const [file, value] = version === 1 ? ['freezer.state', 'THAWED'] : ['cgroup.freeze', '0'];
    for (const cgroup of treeOf(join(folder, name))) {
      const state = join(cgroup, file);
      if (existsSync(state)) await writeFile(state, value);
    }
  }
}

/** Removes it and all below; waits for processes in it that are about to end. */
export async function removeCgroups(name: string): Promise<void> {
  const left = () => hierarchies().flatMap(({ folder }) => treeOf(join(folder, name)));
  await until(
    async () => {
      // Inner ones last in the list, and first to go.
      for (const cgroup of left().toReversed()) await removeIfEmpty(cgroup);
      return left().length === 0;
    },
    { for: () => `no process in ${left().join(', ')}`, deadlineMs: END_MS, everyMs: 50 },
  );
}

async function removeIfEmpty(cgroup: string): Promise<void> {
  try {
    await rmdir(cgroup);
  } catch (error) {
    const busy = error instanceof Error && 'code' in error;
    if (!busy || (error.code !== 'EBUSY' && error.code !== 'ENOENT')) throw error;
  }
}

/** A cgroup and all below it, outer ones first. */
function treeOf(cgroup: string): string[] {
  if (!existsSync(cgroup)) return [];
  const inner = readdirSync(cgroup, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .flatMap(({ name }) => treeOf(join(cgroup, name)));
  return [cgroup, ...inner];
}
