import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';

/**
 * A process that a test started. It never outlives the test: it is killed when this process
 * exits in whatever way, SIGKILL included where util-linux' `setpriv` is there.
 */
export interface ChildOptions {
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd?: string;
  /** Added to the environment of this process. */
  readonly env?: Readonly<Record<string, string>>;
}

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** What is kept of a child's output, the newest bytes. */
const OUTPUT_CHARACTERS = 32_768;
const SETPRIV = '/usr/bin/setpriv';

const alive = new Set<ChildProcess>();

process.on('exit', () => {
  for (const child of alive) child.kill('SIGKILL');
});

export class Child {
  readonly pid: number;
  /** Resolves when the process is gone, however it ended. */
  readonly exited: Promise<Exit>;
  readonly #process: ChildProcess;
  #output = '';
  #exit: Exit | undefined;

  constructor(options: ChildOptions) {
    const [command, args] = boundToUs(options);
    this.#process = spawn(command, args, {
      cwd: options.cwd,
      env: { ...process.env, ...options.env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#process.stdout?.setEncoding('utf8').on('data', (text: string) => this.#keep(text));
    this.#process.stderr?.setEncoding('utf8').on('data', (text: string) => this.#keep(text));
    this.pid = this.#process.pid ?? -1;
    if (this.pid > 0) alive.add(this.#process);
    this.exited = new Promise((resolve) => {
      const ended = (exit: Exit) => {
        alive.delete(this.#process);
        this.#exit = exit;
        resolve(exit);
      };
      this.#process.once('exit', (code, signal) => ended({ code, signal }));
      this.#process.once('error', (error) => {
        this.#keep(`${error.message}\n`);
        if (this.pid <= 0) ended({ code: null, signal: null });
      });
    });
  }

  /** How it ended; undefined while it runs. */
  get exit(): Exit | undefined {
    return this.#exit;
  }

  /** The newest of what it wrote to stdout and stderr. */
  get output(): string {
    return this.#output;
  }

  /** False: it was gone already. */
  signal(name: NodeJS.Signals): boolean {
    return this.#exit === undefined && this.#process.kill(name);
  }

  /** Sends the signal and waits; SIGKILL when it is still there after the deadline. */
  async end(name: NodeJS.Signals, deadlineMs = 5_000): Promise<Exit> {
    this.signal(name);
    const timer = setTimeout(() => this.signal('SIGKILL'), deadlineMs);
    const exit = await this.exited;
    clearTimeout(timer);
    return exit;
  }

  #keep(text: string): void {
    this.#output = (this.#output + text).slice(-OUTPUT_CHARACTERS);
  }
}

/** The kernel kills the child when we die, even by SIGKILL, which no exit hook sees. */
function boundToUs({ command, args }: ChildOptions): [string, string[]] {
  if (!existsSync(SETPRIV)) return [command, [...args]];
  return [SETPRIV, ['--pdeathsig', 'KILL', '--', command, ...args]];
}
