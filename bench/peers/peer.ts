import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface, type Interface } from 'node:readline';
import { freePort } from '../../e2e/processes/free-port.ts';
import type { DialectName } from '../dialects.ts';
import type { Usage } from '../messages.ts';
import { onOwnCore } from '../pin.ts';
import { Receivers, received } from '../receivers.ts';
import type { PeerOrder } from './orders.ts';

const ANSWER_MS = 60_000;

/** Another server that brings a message to everybody who listens. */
export interface PeerProgram {
  /** With its version. */
  readonly name: string;
  readonly command: readonly string[];
  readonly dialect: DialectName;
  /** Path and query that its clients open. */
  readonly path: string;
}

/** One that runs, on the core of the servers, with its clients in a process of their own. */
export class Peer {
  readonly name: string;
  readonly #program: PeerProgram;
  readonly #port: number;
  readonly #process: ChildProcess;
  readonly #lines: Interface;
  readonly #receivers: Receivers[] = [];

  private constructor(program: PeerProgram, port: number) {
    this.name = program.name;
    this.#program = program;
    this.#port = port;
    const [command = '', ...args] = program.command;
    const environment = { ...process.env, GOMAXPROCS: '1' };
    this.#process = spawn(command, [...args, String(port)], {
      stdio: ['pipe', 'pipe', 'inherit'],
      env: environment,
    });
    this.#lines = createInterface({ input: this.#process.stdout ?? process.stdin });
  }

  static async open(program: PeerProgram): Promise<Peer> {
    const peer = new Peer(program, await freePort());
    await peer.#answer();
    await onOwnCore(peer.#process.pid ?? -1);
    return peer;
  }

  order(order: PeerOrder): Promise<Usage> {
    this.#process.stdin?.write(`${JSON.stringify(order)}\n`);
    return this.#answer();
  }

  publish(data: object): Promise<unknown> {
    return this.order({ order: 'publish', data });
  }

  async connect(connections: number): Promise<void> {
    const { dialect, path } = this.#program;
    const options = { dialect, path, port: this.#port, connections, topic: 'room' };
    this.#receivers.push(await Receivers.connect(options));
  }

  /** Waits until the clients have got so many messages since the last call; bytes of them all. */
  received(expected: number): Promise<number> {
    return received(this.#receivers, expected);
  }

  close(): void {
    for (const receivers of this.#receivers) receivers.close();
    this.#process.kill('SIGKILL');
  }

  #answer(): Promise<Usage> {
    const { promise, resolve, reject } = Promise.withResolvers<Usage>();
    const timer = setTimeout(() => reject(new Error(`${this.name}: no answer`)), ANSWER_MS);
    const onExit = (code: number | null) => reject(new Error(`${this.name} ended with ${code}`));
    const onError = (error: Error) => reject(error);
    const onLine = (line: string) => resolve(JSON.parse(line) as Usage);
    this.#process.once('exit', onExit).once('error', onError);
    this.#lines.once('line', onLine);
    return promise.finally(() => {
      clearTimeout(timer);
      this.#process.off('exit', onExit).off('error', onError);
      this.#lines.off('line', onLine);
    });
  }
}
