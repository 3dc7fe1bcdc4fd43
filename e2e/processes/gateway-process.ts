import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { until } from '../deadline.ts';
import { Child, type Exit } from './child.ts';
import { freePort } from './free-port.ts';
import { fileOf, sourceOf } from './programs.ts';

/** A setting's value, or a section of them. */
export type SettingsTree = {
  readonly [name: string]: string | number | boolean | readonly string[] | SettingsTree;
};

export interface GatewayOptions {
  readonly name: string;
  /** As in `gateway/settings/declaration.ts`; host, ports and pod are chosen here. */
  readonly settings: SettingsTree;
  /** Modules that node loads first; how a known bug gets into a gateway under test. */
  readonly imports?: readonly string[];
  /** Admin ports of the others. */
  readonly peers?: readonly number[];
  readonly port?: number;
  readonly adminPort?: number;
}

/** What a process uses of what there is only so much of. */
export interface Usage {
  /** Open ones, sockets among them. */
  readonly files: number;
  /** Running ones. */
  readonly timers: number;
}

/** What a process holds when its garbage is collected. */
export interface Memory {
  /** JavaScript objects, and the buffers that they hold. */
  readonly heldBytes: number;
  readonly rssBytes: number;
}

/** As `self-report.ts` writes it. */
interface Report extends Memory {
  /** Running number within the process. */
  readonly report: number;
  readonly timers: number;
}

const ROOT = join(import.meta.dirname, '../..');
const START_MS = 20_000;
const REPORT_MS = 5_000;
const SELF_REPORT = join(import.meta.dirname, 'self-report.ts');

/** A real gateway process, as a pod runs it. */
export class GatewayProcess {
  readonly name: string;
  readonly port: number;
  readonly adminPort: number;
  readonly #options: GatewayOptions;
  #child: Child | undefined;
  /** It was told to end: its exit is no accident. */
  #planned = false;
  /** Those that this process was asked for. */
  #reports = 0;

  private constructor(options: GatewayOptions, ports: { port: number; adminPort: number }) {
    this.name = options.name;
    this.port = ports.port;
    this.adminPort = ports.adminPort;
    this.#options = options;
  }

  /** Starts it and waits until it is ready. */
  static async start(options: GatewayOptions): Promise<GatewayProcess> {
    const ports = {
      port: options.port ?? (await freePort()),
      adminPort: options.adminPort ?? (await freePort()),
    };
    const gateway = new GatewayProcess(options, ports);
    await gateway.restart();
    return gateway;
  }

  /** Starts all of them or none, and says what the first one that failed wrote. */
  static async startAll(all: readonly GatewayOptions[]): Promise<readonly GatewayProcess[]> {
    const starting = all.map((options) => GatewayProcess.start(options));
    try {
      return await Promise.all(starting);
    } catch (error) {
      const started = await Promise.allSettled(starting);
      // One that is left keeps the process of a test alive, which then says nothing.
      for (const one of started) if (one.status === 'fulfilled') await one.value.kill();
      throw error;
    }
  }

  get pid(): number {
    return this.#child?.pid ?? -1;
  }

  get exit(): Exit | undefined {
    return this.#child?.exit;
  }

  /** It ended although nobody told it to. */
  get crashed(): boolean {
    return this.exit !== undefined && !this.#planned;
  }

  /** The newest of what it wrote. */
  get output(): string {
    return this.#child?.output ?? '';
  }

  get url(): string {
    return `ws://127.0.0.1:${this.port}/ws`;
  }

  get http(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  get admin(): string {
    return `http://127.0.0.1:${this.adminPort}`;
  }

  /** Starts it on the same ports; it must not be running. */
  async restart(): Promise<void> {
    this.#planned = false;
    this.#reports = 0;
    const bugs = this.#options.imports ?? [];
    const imports = [SELF_REPORT, ...bugs].flatMap((module) => ['--import', module]);
    const file = bugs.length > 0 ? sourceOf('gateway') : fileOf('gateway');
    const child = new Child({
      command: process.execPath,
      args: ['--expose-gc', ...imports, file],
      cwd: ROOT,
      env: environment(this.#settings()),
    });
    this.#child = child;
    try {
      await until(
        () => {
          if (child.exit !== undefined) throw new Error(`${this.name} ended: ${child.output}`);
          return this.ready();
        },
        {
          for: () => `${this.name} to become ready\n${child.output}`,
          deadlineMs: START_MS,
          everyMs: 40,
        },
      );
    } catch (error) {
      await child.end('SIGKILL');
      throw error;
    }
  }

  #settings(): SettingsTree {
    const peers = (this.#options.peers ?? []).map((port) => `127.0.0.1:${port}`);
    return {
      pod: this.name,
      host: '127.0.0.1',
      port: this.port,
      adminHost: '127.0.0.1',
      adminPort: this.adminPort,
      logLevel: 'warn',
      ...(peers.length > 0 ? { peers } : {}),
      ...this.#options.settings,
    };
  }

  /** What `/readyz` says; false also when nothing answers. */
  ready(): Promise<boolean> {
    return this.#says('/readyz');
  }

  /** The same of `/livez`. */
  lives(): Promise<boolean> {
    return this.#says('/livez');
  }

  /** The sum of a metric's series, all labels together; undefined when it has none. */
  async metric(name: string): Promise<number | undefined> {
    const answer = await fetch(`${this.admin}/metrics`, { signal: AbortSignal.timeout(2_000) });
    const lines = (await answer.text()).split('\n');
    const values = lines
      .filter((line) => line.startsWith(`${name} `) || line.startsWith(`${name}{`))
      .map((line) => Number(line.slice(line.lastIndexOf(' ') + 1)));
    return values.length === 0 ? undefined : values.reduce((sum, value) => sum + value, 0);
  }

  /** SIGKILL. */
  async kill(): Promise<void> {
    this.#planned = true;
    await this.#child?.end('SIGKILL');
  }

  /** SIGTERM: it drains. Resolves with how it ended, SIGKILL when that takes too long. */
  async terminate(deadlineMs: number): Promise<Exit | undefined> {
    this.#planned = true;
    return this.#child?.end('SIGTERM', deadlineMs);
  }

  /** SIGSTOP. */
  freeze(): void {
    this.#child?.signal('SIGSTOP');
  }

  /** SIGCONT. */
  thaw(): void {
    this.#child?.signal('SIGCONT');
  }

  async usage(): Promise<Usage> {
    const { timers } = await this.#ask('SIGUSR2');
    const files = await readdir(`/proc/${this.pid}/fd`);
    return { files: files.length, timers };
  }

  /** Stops it for some 100 ms. */
  async memory(): Promise<Memory> {
    const { heldBytes, rssBytes } = await this.#ask('SIGURG');
    return { heldBytes, rssBytes };
  }

  async #says(path: '/readyz' | '/livez'): Promise<boolean> {
    try {
      const answer = await fetch(`${this.admin}${path}`, { signal: AbortSignal.timeout(1_000) });
      await answer.body?.cancel();
      return answer.ok;
    } catch {
      // Not listening yet, or frozen: no is the answer.
      return false;
    }
  }

  #ask(signal: 'SIGUSR2' | 'SIGURG'): Promise<Report> {
    this.#reports += 1;
    this.#child?.signal(signal);
    return until(() => this.#report(), {
      for: `${this.name} to say what it holds`,
      deadlineMs: REPORT_MS,
    });
  }

  /** The one that was asked for last; false: it is still to come. */
  #report(): Report | false {
    const [, text = '{}'] = [...this.output.matchAll(/^holds (\{.*\})$/gm)].at(-1) ?? [];
    const report = JSON.parse(text) as Report;
    return report.report === this.#reports && report;
  }
}

/** `{ redis: { keyPrefix: 'a' } }` is `WSCLUSTER_REDIS_KEY_PREFIX=a`; lists have commas. */
function environment(tree: SettingsTree, prefix = 'WSCLUSTER'): Record<string, string> {
  const variables: Record<string, string> = {};
  for (const [name, value] of Object.entries(tree)) {
    const key = `${prefix}_${name.replace(/[A-Z]/g, '_$&').toUpperCase()}`;
    if (Array.isArray(value)) variables[key] = value.join(',');
    else if (typeof value === 'object')
      Object.assign(variables, environment(value as SettingsTree, key));
    else variables[key] = String(value);
  }
  return variables;
}
