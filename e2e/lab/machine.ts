import { spawn } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { until } from '../deadline.ts';
import { attempt, type CommandOptions, lastLines, type Outcome, run } from './command.ts';
import {
  childrenOf,
  innerPid,
  isAlive,
  type ProcessId,
  parseProcessId,
  processId,
  shellProcessId,
  signalProcess,
} from './processes.ts';

/** Where a machine sees the labs' folder, however deep that is outside: socket paths are short. */
export const INSIDE = '/run/lab';

const BOOT_MS = 20_000;
const END_MS = 60_000;

/**
 * The first process of a machine. It hides what the programs of a node write to by fixed paths, and
 * what kubelets would set in the kernel for everybody; then it only reaps what is left to it.
 */
const INIT = `set -eu
mount -t tmpfs -o mode=755 tmpfs /mnt
mkdir /mnt/lab
mount --bind "$1" /mnt/lab
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p ${INSIDE} /run/lock /run/sysctl
mount --move /mnt/lab ${INSIDE}
umount /mnt
for folder in /var/lib /var/log /tmp; do mount -t tmpfs tmpfs "$folder"; done
for name in vm/overcommit_memory vm/panic_on_oom kernel/panic kernel/panic_on_oops \\
  kernel/keys/root_maxkeys kernel/keys/root_maxbytes; do
  [ -e "/proc/sys/$name" ] || continue
  copy="/run/sysctl/$(basename "$name")"
  cat "/proc/sys/$name" > "$copy"
  mount --bind "$copy" "/proc/sys/$name"
done
mount --make-rshared /
ip link set lo up
touch "${INSIDE}/$2"
while :; do sleep 3600; done`;

/** Proxies, kubeconfigs and secrets of the caller's shell are not for what runs inside. */
const CLEAN = ['env', '-i', 'PATH=/usr/sbin:/usr/bin:/sbin:/bin', 'HOME=/root'];

/** Its number stands in the file before anything that would have to be cleared away exists. */
const BEGIN = `${shellProcessId('$$')} > "$1" && shift && exec "$@"`;

export interface MachineOptions {
  readonly name: string;
  /** The lab's folder as the machine's parent sees it; the machine sees it at `INSIDE`. */
  readonly folder: string;
  /** For what the machine writes of itself, relative to the folder. */
  readonly place: string;
}

/**
 * Processes, mounts and network of their own that end together, with the machine's first process,
 * even by SIGKILL: nothing outside has to be undone after them but their cgroups.
 */
export class Machine {
  readonly name: string;
  /** Whose end is the machine's; what a pid file names. */
  readonly holder: ProcessId;
  /** The first process inside, by its number outside. */
  readonly init: ProcessId;

  private constructor(name: string, holder: ProcessId, init: ProcessId) {
    this.name = name;
    this.holder = holder;
    this.init = init;
  }

  /** One on this host. `bound`: it ends with this process, however that ends. */
  static async onHost(options: MachineOptions, { bound }: { bound: boolean }): Promise<Machine> {
    const { folder, place } = options;
    const pidFile = join(folder, place, `${options.name}.pid`);
    const log = openSync(join(folder, place, `${options.name}.log`), 'a');
    const begin = ['sh', '-c', BEGIN, 'sh', pidFile, ...unshare(options)];
    const [program = '', ...args] = bound ? ['setpriv', '--pdeathsig', 'KILL', ...begin] : begin;
    const child = spawn(program, args, { detached: true, stdio: ['ignore', log, log] });
    let problem: Error | undefined;
    child.on('error', (error) => {
      problem = error;
    });
    child.unref();
    closeSync(log);
    return Machine.#booted(options, folder, () => {
      if (problem !== undefined) throw problem;
      return readProcessId(pidFile);
    });
  }

  /** One inside another: it ends with it at the latest. */
  static async within(
    outer: Machine,
    options: MachineOptions & { outside: string },
  ): Promise<Machine> {
    const log = join(INSIDE, options.place, `${options.name}.log`);
    const holder = await outer.start(unshare({ ...options, folder: INSIDE }), log);
    if (holder === undefined) throw new Error(`machine ${options.name} ended at once`);
    return Machine.#booted(options, options.outside, () => holder);
  }

  static async #booted(
    { name, place }: MachineOptions,
    outside: string,
    findHolder: () => ProcessId | undefined,
  ): Promise<Machine> {
    const said = () => lastLines(readIfThere(join(outside, place, `${name}.log`)), 5);
    const isReady = join(outside, place, `${name}.ready`);
    return until(
      () => {
        const holder = findHolder();
        if (holder === undefined || !existsSync(isReady)) {
          if (holder !== undefined && !isAlive(holder)) throw new Error(`${name} ended: ${said()}`);
          return undefined;
        }
        const init = processId(childrenOf(holder.pid)[0] ?? 0);
        return init === undefined ? undefined : new Machine(name, holder, init);
      },
      { for: () => `machine ${name} to boot: ${said()}`, deadlineMs: BOOT_MS },
    );
  }

  /** Runs a program inside, to its end. Throws when that is not 0. */
  run(args: readonly string[], options: CommandOptions = {}): Promise<string> {
    return run('nsenter', [...this.#entering(), ...args], options);
  }

  /** As `run`, whatever comes of it. */
  attempt(args: readonly string[], options: CommandOptions = {}): Promise<Outcome> {
    return attempt('nsenter', [...this.#entering(), ...args], options);
  }

  /** Runs a program of the host in the network of the machine only. */
  runInNetwork(args: readonly string[], input?: string): Promise<string> {
    const entering = [`--net=/proc/${this.init.pid}/ns/net`, '--'];
    return run('nsenter', [...entering, ...args], input === undefined ? {} : { input });
  }

  /**
   * Starts a program that goes on; `log` is a path inside, to which it appends what it says.
   * Undefined: it ended at once.
   */
  async start(command: readonly string[], log: string): Promise<ProcessId | undefined> {
    const script = `log=$1; shift; "$@" < /dev/null >> "$log" 2>&1 & ${shellProcessId('$!')}`;
    const entering = [...this.#entering(), 'sh', '-c', script, 'sh', log, ...CLEAN, ...command];
    // A session of its own: a terminal's Ctrl-C is not for it.
    const printed = await run('setsid', ['--wait', 'nsenter', ...entering]);
    const inner = parseProcessId(printed);
    const outer = childrenOf(this.init.pid).find((pid) => innerPid(pid) === inner?.pid);
    return outer === undefined ? undefined : processId(outer);
  }

  /** Ends all that runs in it, at once. May be called twice. */
  powerOff(): Promise<void> {
    return powerOffHolder(this.holder);
  }

  #entering(): string[] {
    return ['--target', String(this.init.pid), '--mount', '--net', '--pid', '--wdns=/', '--'];
  }
}

/** Ends the machine of which the holder's number is known. */
export async function powerOffHolder(holder: ProcessId): Promise<void> {
  if (!isAlive(holder)) return;
  const init = processId(childrenOf(holder.pid)[0] ?? 0);
  // The holder then waits for it and ends by itself; without it there is nobody to wait for.
  if (init === undefined) signalProcess(holder, 'SIGKILL');
  else signalProcess(init, 'SIGKILL');
  await until(() => !isAlive(holder), {
    for: `process ${holder.pid} of a lab to end`,
    deadlineMs: END_MS,
  });
}

/** `--kill-child`: it and its first process end together. */
function unshare({ name, folder, place }: MachineOptions): string[] {
  const own = ['--pid', '--mount', '--net', '--ipc', '--uts', '--fork', '--kill-child'];
  const ready = join(place, `${name}.ready`);
  return [
    ...['unshare', ...own, '--mount-proc', '--propagation', 'private'],
    ...['sh', '-c', INIT, 'sh', folder, ready],
  ];
}

function readProcessId(file: string): ProcessId | undefined {
  return parseProcessId(readIfThere(file));
}

function readIfThere(file: string): string {
  return existsSync(file) ? readFileSync(file, 'utf8') : '';
}
