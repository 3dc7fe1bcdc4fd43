import { readdirSync, readFileSync } from 'node:fs';

/** A process that is meant even when its number was given to another one since. */
export interface ProcessId {
  readonly pid: number;
  /** In ticks since the machine started. */
  readonly startedAt: string;
}

/** Field 22 of /proc/N/stat; the second may hold spaces, and ends with the last bracket. */
const STATE = 0;
const STARTED_AT = 19;

function statOf(pid: number | string): string[] | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return text.slice(text.lastIndexOf(')') + 2).split(' ');
  } catch {
    // It is gone; that is an answer.
    return undefined;
  }
}

export function processId(pid: number): ProcessId | undefined {
  const startedAt = statOf(pid)?.[STARTED_AT];
  return startedAt === undefined ? undefined : { pid, startedAt };
}

/**
 * What nobody has waited for yet is gone all the same, once its last thread is: until then its
 * ports are taken, though its first thread says that it is over.
 */
export function isAlive({ pid, startedAt }: ProcessId): boolean {
  const stat = statOf(pid);
  if (stat?.[STARTED_AT] !== startedAt) return false;
  return (stat[STATE] !== 'Z' && stat[STATE] !== 'X') || threadsOf(pid).length > 1;
}

function threadsOf(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/task`);
  } catch {
    // It is gone, and has none.
    return [];
  }
}

/** Whether none of its threads runs any more: a SIGSTOP reaches each at a time of its own. */
export function isStopped({ pid }: ProcessId): boolean {
  const threads = threadsOf(pid);
  return (
    threads.length > 0 &&
    threads.every((thread) => statOf(`${pid}/task/${thread}`)?.[STATE] === 'T')
  );
}

/** False: it was gone already. */
export function signalProcess(id: ProcessId, signal: NodeJS.Signals): boolean {
  return isAlive(id) && process.kill(id.pid, signal);
}

/** As `formatProcessId` wrote it; undefined for anything else. */
export function parseProcessId(text: string): ProcessId | undefined {
  const [, pid, startedAt] = /^(\d+) (\d+)\s*$/.exec(text) ?? [];
  return pid === undefined || startedAt === undefined ? undefined : { pid: Number(pid), startedAt };
}

export function formatProcessId({ pid, startedAt }: ProcessId): string {
  return `${pid} ${startedAt}\n`;
}

/** Words of a shell that print the `ProcessId` of the process whose number is in the variable. */
export function shellProcessId(variable: string): string {
  return `cut -d' ' -f1,22 /proc/${variable}/stat`;
}

export function childrenOf(pid: number): number[] {
  try {
    const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8');
    return text.split(' ').filter(Boolean).map(Number);
  } catch {
    // It is gone, and has none.
    return [];
  }
}

/** What a process is called in its innermost process namespace. */
export function innerPid(pid: number): number | undefined {
  try {
    const line = /^NSpid:\s+(.*)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    return Number(line?.split('\t').at(-1));
  } catch {
    return undefined;
  }
}
