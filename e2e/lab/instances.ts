import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { LAB_FOLDER } from './artefacts.ts';
import { removeCgroups, thawCgroups } from './cgroups.ts';
import { attempt } from './command.ts';
import { powerOffHolder } from './machine.ts';
import type { HostLink } from './network.ts';
import {
  formatProcessId,
  isAlive,
  type ProcessId,
  parseProcessId,
  processId,
} from './processes.ts';

/**
 * The labs of this checkout, each with a folder. What a folder says suffices to clear a lab away,
 * by whichever process, however far it had come and however it ended.
 */

/** Folders of a lab: what its components say, and which processes they are. */
export const LOGS = 'logs';
export const PROCESSES = 'processes';
/** The machine that all others of a lab are within. */
export const CONTROL_PLANE = 'control-plane';
/** Written last: the lab had become whole. */
const COMPLETE = 'lab.json';
const STARTER = 'starter.pid';
const LINK = 'link.json';
/** What is being cleared away has it in its name. */
const ENDED = '.ended-';

export interface Instance {
  readonly name: string;
  /** Absolute. */
  readonly folder: string;
  /** The same, relative to the lab's folder, as machines see it. */
  readonly place: string;
}

/** What another process needs to know of a lab. */
export interface Summary {
  readonly kubeconfig: string;
  /** Folder with kubectl and both Helms. */
  readonly programs: string;
  readonly server: string;
  readonly nodes: readonly string[];
}

type State = 'absent' | 'booting' | 'running' | 'dead';

const instance = (name: string): Instance => {
  const place = join('running', name);
  return { name, place, folder: join(LAB_FOLDER, place) };
};

export const cgroupOf = (holder: ProcessId): string => `wscluster-lab-${holder.pid}`;

/** A folder for a new lab. Throws when the name is in use; what a dead one left is cleared away. */
export async function reserve(name: string): Promise<Instance> {
  const state = stateOf(name);
  if (state === 'booting' || state === 'running') throw new Error(`lab ${name} is ${state}`);
  await sweep();
  const made = instance(name);
  const starter = processId(process.pid);
  if (starter === undefined) throw new Error('/proc does not know this process');
  // It appears together with who made it, so nobody takes it for a dead one's.
  const aside = instance(`${name}${ENDED}${process.pid}`);
  await mkdir(aside.folder, { recursive: true });
  await writeFile(join(aside.folder, STARTER), formatProcessId(starter));
  try {
    await rename(aside.folder, made.folder);
  } catch (error) {
    await rm(aside.folder, { recursive: true });
    // Somebody else was quicker.
    if (existsSync(made.folder)) throw new Error(`lab ${name} is ${stateOf(name)}`);
    throw error;
  }
  return made;
}

export async function recordLink({ folder }: Instance, link: HostLink): Promise<void> {
  await writeFile(join(folder, LINK), JSON.stringify({ ...link, index: indexOf(link.device) }));
}

export async function recordSummary({ folder }: Instance, summary: Summary): Promise<void> {
  const { kubeconfig, programs, server, nodes } = summary;
  await writeFile(join(folder, COMPLETE), JSON.stringify({ kubeconfig, programs, server, nodes }));
}

export function stateOf(name: string): State {
  const { folder } = instance(name);
  if (!existsSync(folder)) return 'absent';
  const complete = existsSync(join(folder, COMPLETE));
  const lives = (file: string) => {
    const id = readId(join(folder, file));
    return id !== undefined && isAlive(id);
  };
  if (complete) return lives(`${CONTROL_PLANE}.pid`) ? 'running' : 'dead';
  return lives(STARTER) ? 'booting' : 'dead';
}

/** Of one that runs. */
export async function summaryOf(name: string): Promise<Summary> {
  return JSON.parse(await readFile(join(instance(name).folder, COMPLETE), 'utf8'));
}

/** The process whose end is the lab's. */
export function holderOf(name: string): ProcessId | undefined {
  return readId(join(instance(name).folder, `${CONTROL_PLANE}.pid`));
}

/** Names of the components of a lab, and whether each lives. */
export function componentsOf(name: string): { name: string; pid: number; alive: boolean }[] {
  const folder = join(instance(name).folder, PROCESSES);
  const files = existsSync(folder) ? readdirSync(folder) : [];
  return files.flatMap((file) => {
    const id = readId(join(folder, file));
    if (id === undefined) return [];
    return [{ name: file.replace(/\.pid$/, ''), pid: id.pid, alive: isAlive(id) }];
  });
}

/** Ends a lab in whatever state, and removes all that it left. False: there was none. */
export async function clear(name: string): Promise<boolean> {
  if (stateOf(name) === 'absent') return false;
  const ended = instance(`${name}${ENDED}${process.pid}`);
  // From here on nothing of it can be started: what would record it has no place to.
  await rename(instance(name).folder, ended.folder);
  await remove(ended);
  return true;
}

/** Clears away what labs left that ended without doing so. */
export async function sweep(): Promise<void> {
  const folder = join(LAB_FOLDER, 'running');
  const names = existsSync(folder) ? readdirSync(folder) : [];
  for (const name of names) {
    if (name.includes(ENDED)) await sweepEnded(name);
    else if (stateOf(name) === 'dead') await clear(name);
  }
}

async function sweepEnded(name: string): Promise<void> {
  const clearing = processId(Number(name.split(ENDED).at(-1)));
  if (clearing === undefined) await remove(instance(name));
}

async function remove({ folder }: Instance): Promise<void> {
  const holder = readId(join(folder, `${CONTROL_PLANE}.pid`));
  if (holder !== undefined) {
    await thawCgroups(cgroupOf(holder));
    await powerOffHolder(holder);
    await removeCgroups(cgroupOf(holder));
  }
  await removeLink(join(folder, LINK));
  await rm(folder, { recursive: true, force: true });
}

/** It would go with the lab's network, which the kernel takes apart some time later. */
async function removeLink(file: string): Promise<void> {
  if (!existsSync(file)) return;
  const { device, index } = JSON.parse(await readFile(file, 'utf8'));
  if (indexOf(String(device)) !== index) return;
  const { stderr } = await attempt('ip', ['link', 'delete', String(device)]);
  if (indexOf(String(device)) === index) throw new Error(`${device} stays: ${stderr}`);
}

/** A later device of the same name has another. */
function indexOf(device: string): string | undefined {
  try {
    return readFileSync(`/sys/class/net/${device}/ifindex`, 'utf8').trim();
  } catch (error) {
    // EINVAL: it went between the opening of its file and the reading.
    if (error instanceof Error && 'code' in error && GONE.has(String(error.code))) return undefined;
    throw error;
  }
}

const GONE = new Set(['ENOENT', 'EINVAL', 'ENODEV']);

function readId(file: string): ProcessId | undefined {
  return existsSync(file) ? parseProcessId(readFileSync(file, 'utf8')) : undefined;
}
