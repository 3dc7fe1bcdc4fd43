import { type ChildProcessByStdio, execFile, spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { promisify } from 'node:util';
import { within } from '../deadline.ts';
import { Child } from './child.ts';

const run = promisify(execFile);
const PROGRAM = join(import.meta.dirname, 'lossy_wire.py');
const ANSWER_MS = 5_000;
const NEAR = '127.9.0.1';
const INSIDE = 'WSCLUSTER_TEST_NAMESPACE';
/** The rest of a machine neither sees the addresses nor has its own changed. */
const NAMESPACE = ['--net', '--map-root-user'];
const WITH_LOOPBACK = ['sh', '-c', 'ip link set lo up && exec "$@"', 'sh'];

/** What passed through a wire, in packets. */
export interface Passed {
  readonly passed: number;
  readonly lost: number;
}

/** Packets between who connects to `LossyWire.FAR` and what listens on all addresses here. */
export class LossyWire {
  static readonly FAR = '127.9.0.2';
  readonly #process: ChildProcessByStdio<Writable, Readable, null>;
  readonly #answers: Interface;

  private constructor(seed: number) {
    this.#process = spawn('python3', [PROGRAM, NEAR, LossyWire.FAR, String(seed)], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.#answers = createInterface(this.#process.stdout);
  }

  /** One that loses nothing yet. Only within a namespace: see `inNamespace`. */
  static async open(seed: number): Promise<LossyWire> {
    const wire = new LossyWire(seed);
    await wire.#answer();
    return wire;
  }

  /** From now on; what passed until now. `loss` 0.3: three of ten packets; `delayMs` each way. */
  async be(loss: number, delayMs: number): Promise<Passed> {
    const answer = this.#answer();
    this.#process.stdin.write(`${loss} ${delayMs / 1_000}\n`);
    return answer;
  }

  /** It ends with its input. */
  close(): void {
    this.#process.stdin.end();
  }

  async #answer(): Promise<Passed> {
    const said = new Promise<string>((resolve, reject) => {
      this.#answers.once('line', resolve);
      this.#process.once('error', reject);
      this.#process.once('exit', (code) => reject(new Error(`the wire ended with ${code}`)));
    });
    const line = await within(said, { for: 'the wire to answer', deadlineMs: ANSWER_MS });
    const [passed = Number.NaN, lost = Number.NaN] = line.split(' ').map(Number);
    return { passed, lost };
  }
}

export const isInNamespace = (): boolean => process.env[INSIDE] === '1';

/** Why there can be no namespace with a lossy wire here; undefined: there can. */
export async function namespaceProblem(): Promise<string | undefined> {
  const device = 'exec 3<>/dev/net/tun && ip tuntap add dev probe mode tun && python3 --version';
  try {
    await run('unshare', [...NAMESPACE, 'sh', '-c', device], { timeout: ANSWER_MS });
    return undefined;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return `no network namespace with a tun device: ${reason}`;
  }
}

/** Runs a program of ours in a namespace of its own; its exit code and the end of its output. */
export async function inNamespace(
  args: readonly string[],
  deadlineMs: number,
): Promise<{ readonly code: number | null; readonly output: string }> {
  const child = new Child({
    command: 'unshare',
    args: [...NAMESPACE, ...WITH_LOOPBACK, process.execPath, ...args],
    env: { [INSIDE]: '1' },
  });
  const deadline = setTimeout(() => child.signal('SIGKILL'), deadlineMs);
  const { code } = await child.exited;
  clearTimeout(deadline);
  return { code, output: child.output };
}
