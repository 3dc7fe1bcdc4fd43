import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Late } from '../../../scripts/testing/late.ts';
import { until } from '../../deadline.ts';
import type { Stalls } from './stalls.ts';

const MAIN = join(import.meta.dirname, 'crowd-main.ts');
const BEGIN_MS = 240_000;
const ANSWER_MS = 240_000;

export interface CrowdPlan {
  readonly ws: string;
  readonly http: string;
  readonly redis: { readonly host: string; readonly port: number };
  readonly keyPrefix: string;
  readonly clients: number;
  readonly heartbeatMs: number;
}

/** What the history checker found, and what was counted. */
export interface CrowdVerdict {
  readonly passed: boolean;
  readonly complaints: readonly string[];
  readonly gaps: Readonly<Record<string, number>>;
  readonly published: number;
  readonly acknowledged: number;
  readonly deliveries: number;
  readonly reconnects: number;
  readonly moves: number;
  readonly interrupted: number;
}

/** What a phase did to the clients, by their own records. */
export interface PhaseFigures {
  /** How often they went on elsewhere without a break. */
  readonly moves: number;
  readonly mostMovesOfOne: number;
  /** How often one was not connected. */
  readonly interrupted: number;
  /** With what code those connections ended, and how often. */
  readonly closes: Readonly<Record<string, number>>;
  /** Of some that were interrupted or moved more than once: what befell each, and when, in ms. */
  readonly stories: Readonly<Record<string, readonly string[]>>;
  /** How often one that was asked to go on elsewhere could not, and stayed. */
  readonly movesFailed: number;
  /** Most clients that were asked to go, or cut off, within any second. */
  readonly busiestSecond: number;
  readonly latencyP99Ms: number;
  /** How long one was not connected that was cut off; 0: nobody was. */
  readonly outageP99Ms: number;
  /** Of the clients' own process and its machine. */
  readonly stalls: Stalls;
}

/** Clients by the name of the gateway that serves them, those that are connected. */
export type Served = ReadonlyMap<string, number>;

/** Clients of the package in the network of a lab, judged by the history checker. */
export class Crowd {
  readonly #process: ChildProcess;
  readonly #said: string[] = [];
  #calls = 0;
  #errors = '';

  private constructor(child: ChildProcess) {
    this.#process = child;
    if (child.stdout !== null) {
      createInterface({ input: child.stdout }).on('line', (line) => this.#said.push(line));
    }
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#errors = (this.#errors + text).slice(-4_000);
    });
  }

  /** Resolves when all clients listen and hear. `pid`: whose network it is in. */
  static async start(pid: number | undefined, plan: CrowdPlan): Promise<Crowd> {
    const within = ['nsenter', `--net=/proc/${pid}/ns/net`, '--'];
    const program = [process.execPath, MAIN, JSON.stringify(plan)];
    const child = spawn('setpriv', ['--pdeathsig', 'KILL', ...within, ...program], {
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    const crowd = new Crowd(child);
    try {
      await crowd.#hears('"ready"', BEGIN_MS);
      return crowd;
    } catch (error) {
      await crowd.stop();
      throw error;
    }
  }

  /** The fault begins now. */
  begin(fault: string): void {
    this.#tell({ begin: fault });
  }

  /** It is over: resolves when everybody is level. `evidence`: what shows that it bit. */
  async end(
    fault: string,
    evidence: Readonly<Record<string, number>>,
  ): Promise<Readonly<PhaseFigures>> {
    this.#tell({ end: fault, evidence });
    const said = await this.#hears(`"recovered":${JSON.stringify(fault)}`, ANSWER_MS);
    return (JSON.parse(said) as { readonly figures: PhaseFigures }).figures;
  }

  /**
   * So many clients from now on: those that are too many leave for good, and more come all at once.
   * Resolves when they are connected, with who serves how many.
   */
  resize(size: number): Promise<Served> {
    return this.#call({ size });
  }

  served(): Promise<Served> {
    return this.#call({ served: true });
  }

  async finish(): Promise<CrowdVerdict> {
    this.#tell({ finish: true });
    return JSON.parse(await this.#hears('"passed"', ANSWER_MS)) as CrowdVerdict;
  }

  async stop(): Promise<void> {
    const child = this.#process;
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  }

  async #call(what: object): Promise<Served> {
    this.#calls += 1;
    this.#tell({ ...what, call: this.#calls });
    const said = await this.#hears(`{"answer":${this.#calls},`, ANSWER_MS);
    return new Map(Object.entries((JSON.parse(said) as { served: Record<string, number> }).served));
  }

  #tell(line: object): void {
    this.#process.stdin?.write(`${JSON.stringify(line)}\n`);
  }

  #ended(): Error {
    const last = this.#said.findLast((line) => line.startsWith('{"late":'));
    if (last === undefined) return new Error(`the crowd ended:\n${this.#errors}`);
    return new Late(`the crowd: ${(JSON.parse(last) as { readonly late: string }).late}`);
  }

  #hears(what: string, deadlineMs: number): Promise<string> {
    return until(
      () => {
        const line = this.#said.find((one) => one.includes(what));
        if (line === undefined && this.#process.exitCode !== null) throw this.#ended();
        return line;
      },
      { for: () => `the crowd to say ${what}:\n${this.#errors}`, deadlineMs, everyMs: 50 },
    );
  }
}
