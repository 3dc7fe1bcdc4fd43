import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Takes a MiB at a time and keeps it, from the first byte that it is told. */
const SCRIPT = `process.stdin.once('data', () => {
  const kept = [];
  setInterval(() => kept.push(Buffer.alloc(2 ** 20, 1)), 4);
});`;
const CGROUPS = '/sys/fs/cgroup';

/**
 * A process that eats the memory of another one's container, in the container's own cgroup, until
 * its limit is reached and the kernel ends the other one: out of memory as by a leak. It is the
 * other one, since kubelets give containers a score that makes them the first to go.
 */
export class MemoryEater {
  readonly #process: ChildProcess;
  /** From the begin: a kubelet may end it too, with what is left of the container. */
  readonly #ended: Promise<unknown>;

  /** `pid`: one in the container, whose memory has a limit. */
  constructor(pid: number) {
    const program = [process.execPath, '-e', SCRIPT];
    const child = spawn('setpriv', ['--pdeathsig', 'KILL', '--', ...program], {
      stdio: ['pipe', 'ignore', 'inherit'],
    });
    this.#process = child;
    this.#ended = once(child, 'exit');
    try {
      writeFileSync(join(memoryCgroupOf(pid), 'cgroup.procs'), `${child.pid}`);
    } catch (error) {
      child.kill('SIGKILL');
      throw error;
    }
    child.stdin?.write('\n');
  }

  /** Resolves when it is gone; what it ate is free. */
  async stop(): Promise<void> {
    this.#process.kill('SIGKILL');
    await this.#ended;
  }
}

/** Of version 1, where it has the controller of memory; else the only one there is. */
function memoryCgroupOf(pid: number): string {
  const lines = readFileSync(`/proc/${pid}/cgroup`, 'utf8').trim().split('\n');
  const found = lines.map((line) => line.split(':'));
  const [, , own] = found.find(([, names = '']) => names.split(',').includes('memory')) ?? [];
  if (own !== undefined) return join(CGROUPS, 'memory', own);
  const [, , unified = ''] = found.find(([number]) => number === '0') ?? [];
  const folder = join(CGROUPS, unified);
  if (!existsSync(folder)) throw new Error(`no cgroup of process ${pid}: ${lines.join(', ')}`);
  return folder;
}
