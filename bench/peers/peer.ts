import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { createInterface, type Interface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { freePort } from '../../e2e/processes/free-port.ts';
import { answerLine } from '../answer.ts';
import type { DialectName } from '../dialects.ts';
import type { Usage } from '../messages.ts';
import { onOwnCore } from '../pin.ts';
import { Receivers, received } from '../receivers.ts';
import type { PeerOrder } from './orders.ts';

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
  readonly #process: ChildProcessByStdio<Writable, Readable, null>;
  readonly #lines: Interface;
  readonly #receivers: Receivers[] = [];

  private constructor(program: PeerProgram, port: number) {
    this.name = program.name;
    this.#program = program;
    this.#port = port;
    const [command = '', ...args] = program.command;
    // They have one core.
    const env = { ...process.env, GOMAXPROCS: '1' };
    this.#process = spawn(command, [...args, String(port)], {
      stdio: ['pipe', 'pipe', 'inherit'],
      env,
    });
    this.#lines = createInterface({ input: this.#process.stdout });
  }

  static async open(program: PeerProgram): Promise<Peer> {
    const peer = new Peer(program, await freePort());
    await answerLine(peer.#process, peer.#lines);
    await onOwnCore(peer.#process.pid ?? -1);
    return peer;
  }

  order(order: PeerOrder): Promise<Usage> {
    this.#process.stdin.write(`${JSON.stringify(order)}\n`);
    return answerLine(this.#process, this.#lines);
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
}
