import { closeSync, existsSync, fstatSync, openSync, readSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { until } from '../deadline.ts';
import { lastLines } from './command.ts';
import { type Instance, LOGS, PROCESSES } from './instances.ts';
import { INSIDE, type Machine } from './machine.ts';
import { formatProcessId, isAlive, isStopped, type ProcessId, signalProcess } from './processes.ts';

export interface ComponentOptions {
  /** Of its own in the lab: `kube-apiserver`, `kubelet-node-1`. */
  readonly name: string;
  readonly machine: Machine;
  readonly command: readonly string[];
  /** Asked again and again until it says yes. */
  readonly isReady: () => Promise<boolean>;
}

const READY_MS = 120_000;
const END_MS = 20_000;
const STOP_MS = 5_000;
const TOLD_LINES = 8;
const TAIL_BYTES = 16_384;

/** A program of the cluster, one process, that tests may freeze, kill and start again. */
export class Component {
  readonly name: string;
  /** What it wrote since the lab began. */
  readonly logFile: string;
  readonly #options: ComponentOptions;
  readonly #logInside: string;
  readonly #pidFile: string;
  #process: ProcessId | undefined;

  constructor(options: ComponentOptions, { folder, place }: Instance) {
    this.name = options.name;
    this.#options = options;
    this.logFile = join(folder, LOGS, `${options.name}.log`);
    this.#logInside = join(INSIDE, place, LOGS, `${options.name}.log`);
    this.#pidFile = join(folder, PROCESSES, `${options.name}.pid`);
  }

  /** Its number on this host; undefined while it does not run. */
  get pid(): number | undefined {
    const running = this.#process;
    return running !== undefined && isAlive(running) ? running.pid : undefined;
  }

  /** Resolves when it is ready. Throws with the end of its log when it ends or is late. */
  async start(): Promise<void> {
    if (this.pid !== undefined) throw new Error(`${this.name} runs already`);
    const { machine, command, isReady } = this.#options;
    this.#process = await machine.start(command, this.#logInside);
    if (this.#process === undefined) throw new Error(`${this.name} ended:\n${this.lastWords()}`);
    writeFileSync(this.#pidFile, formatProcessId(this.#process));
    await until(
      async () => {
        if (this.pid === undefined) throw new Error(`${this.name} ended:\n${this.lastWords()}`);
        return isReady();
      },
      {
        for: () => `${this.name} to be ready:\n${this.lastWords()}`,
        deadlineMs: READY_MS,
        everyMs: 50,
      },
    );
  }

  /** SIGSTOP: its connections stay, and nothing answers from now on. Throws if it does not run. */
  freeze(): void {
    const running = this.#signal('SIGSTOP');
    const end = performance.now() + STOP_MS;
    while (!isStopped(running)) {
      if (performance.now() >= end) throw new Error(`${this.name} runs on after SIGSTOP`);
    }
  }

  /** SIGCONT. Throws when it does not run. */
  thaw(): void {
    this.#signal('SIGCONT');
  }

  /** SIGKILL; resolves when it is gone. Throws when it does not run. */
  async kill(): Promise<void> {
    this.#signal('SIGKILL');
    await until(() => this.pid === undefined, { for: `${this.name} to end`, deadlineMs: END_MS });
  }

  /** The end of its log. */
  lastWords(): string {
    if (!existsSync(this.logFile)) return '';
    const file = openSync(this.logFile, 'r');
    try {
      const { size } = fstatSync(file);
      const tail = Buffer.alloc(Math.min(size, TAIL_BYTES));
      readSync(file, tail, 0, tail.length, size - tail.length);
      return lastLines(tail.toString('utf8'), TOLD_LINES);
    } finally {
      closeSync(file);
    }
  }

  #signal(name: NodeJS.Signals): ProcessId {
    const running = this.#process;
    if (running === undefined || !signalProcess(running, name)) {
      throw new Error(`${this.name} does not run: no ${name} for it`);
    }
    return running;
  }
}
