import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as after } from 'node:timers/promises';
import { until } from '../deadline.ts';
import { kubeconfigOf } from './kube-target.ts';
import type { Target } from './target.ts';

const MAIN = join(import.meta.dirname, '..', '..', 'operator', 'main.ts');
const STOP_MS = 20_000;

export interface OperatorProcessOptions {
  /** Of its Lease and its Secret; it must be there. */
  readonly namespace: string;
  /** It looks after WsClusters of this one alone. */
  readonly watch: string;
  readonly gatewayImage: string;
  /** By which it reaches the API server, from the network of this host. Default: directly. */
  readonly kubeconfig?: string;
  /** Of several that would lead. */
  readonly identity?: string;
  /** Whether it is to be awaited that it leads; else, that it is ready to. Default: true. */
  readonly leads?: boolean;
}

/**
 * The operator, as a process of this host. On a lab it runs in the network of the control plane: it
 * must reach pods, and their addresses lead nowhere from the host.
 */
export class OperatorProcess {
  readonly process: ChildProcess;
  readonly said: string[] = [];

  private constructor(process: ChildProcess) {
    this.process = process;
    for (const stream of [process.stdout, process.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.said.push(...text.split('\n').filter((line) => line !== ''));
      });
    }
  }

  /** Resolves when it leads, or is ready to. Throws with what it said when it does not. */
  static async start(target: Target, options: OperatorProcessOptions): Promise<OperatorProcess> {
    const { kubeconfig = kubeconfigOf(target), identity, leads = true } = options;
    const pid = target.lab?.component('kube-apiserver').pid;
    const inside = pid !== undefined && target.lab?.nodes.length !== 0;
    const within = inside ? ['nsenter', `--net=/proc/${pid}/ns/net`, '--'] : [];
    // It ends with the test, however that ends.
    const bound = ['--pdeathsig', 'KILL', ...within, process.execPath, MAIN];
    const child = spawn('setpriv', bound, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        PATH: process.env['PATH'],
        WSCLUSTER_OPERATOR_KUBECONFIG: kubeconfig,
        WSCLUSTER_OPERATOR_NAMESPACE: options.namespace,
        WSCLUSTER_OPERATOR_WATCH_NAMESPACES: options.watch,
        WSCLUSTER_OPERATOR_GATEWAY_IMAGE: options.gatewayImage,
        WSCLUSTER_OPERATOR_PORT: '0',
        ...(identity === undefined ? {} : { WSCLUSTER_OPERATOR_IDENTITY: identity }),
      },
    });
    const operator = new OperatorProcess(child);
    await (leads ? operator.leading() : operator.#says('started'));
    return operator;
  }

  /** Resolves when it leads, or has led. */
  async leading(): Promise<void> {
    await this.#says('leading');
  }

  /** SIGKILL; resolves when it is gone. */
  async kill(): Promise<void> {
    const { process: child } = this;
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  }

  /** SIGTERM; resolves with its exit code. */
  async stop(): Promise<number | null> {
    const { process: child } = this;
    if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
    const ended = once(child, 'exit');
    child.kill('SIGTERM');
    const late = after(STOP_MS, 'late', { ref: false });
    if ((await Promise.race([ended, late])) === 'late') child.kill('SIGKILL');
    await ended;
    return child.exitCode;
  }

  /** Where it serves `/metrics`, where it runs in the network of this host. */
  get address(): string {
    const line = this.said.find((one) => one.includes('"msg":"started"')) ?? '{}';
    const { port } = JSON.parse(line) as { readonly port?: number };
    return `127.0.0.1:${port}`;
  }

  async metrics(): Promise<string> {
    return (await fetch(`http://${this.address}/metrics`)).text();
  }

  lastWords(): string {
    return this.said.slice(-20).join('\n');
  }

  /** Whether it said so; throws when it ended. */
  says(message: string): boolean {
    if (this.process.exitCode !== null) throw new Error(`it ended:\n${this.lastWords()}`);
    return this.said.some((line) => line.includes(`"msg":"${message}"`));
  }

  async #says(message: string): Promise<void> {
    await until(() => this.says(message), {
      for: () => `the operator to say ${message}:\n${this.lastWords()}`,
      ...{ deadlineMs: 60_000, everyMs: 50 },
    });
  }
}
