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

  /** Resolves when it leads. Throws with what it said when it does not. */
  static async start(target: Target, options: OperatorProcessOptions): Promise<OperatorProcess> {
    const pid = target.lab?.component('kube-apiserver').pid;
    const within = pid === undefined ? [] : ['nsenter', `--net=/proc/${pid}/ns/net`, '--'];
    // It ends with the test, however that ends.
    const bound = ['--pdeathsig', 'KILL', ...within, process.execPath, MAIN];
    const child = spawn('setpriv', bound, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        PATH: process.env['PATH'],
        WSCLUSTER_OPERATOR_KUBECONFIG: kubeconfigOf(target),
        WSCLUSTER_OPERATOR_NAMESPACE: options.namespace,
        WSCLUSTER_OPERATOR_WATCH_NAMESPACES: options.watch,
        WSCLUSTER_OPERATOR_GATEWAY_IMAGE: options.gatewayImage,
        WSCLUSTER_OPERATOR_PORT: '0',
      },
    });
    const operator = new OperatorProcess(child);
    await until(() => operator.#leads(), {
      for: () => `the operator to lead:\n${operator.lastWords()}`,
      deadlineMs: 60_000,
      everyMs: 100,
    });
    return operator;
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

  lastWords(): string {
    return this.said.slice(-20).join('\n');
  }

  #leads(): boolean {
    if (this.process.exitCode !== null) throw new Error(`it ended:\n${this.lastWords()}`);
    return this.said.some((line) => line.includes('"msg":"leading"'));
  }
}
