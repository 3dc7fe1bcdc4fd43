import { type ChildProcess, fork } from 'node:child_process';
import { join } from 'node:path';
import { answer } from './answer.ts';
import type { DialectName } from './dialects.ts';
import type { ReceiversSay } from './messages.ts';

const ARRIVE_MS = 120_000;
const ASK_EVERY_MS = 20;

export interface ReceiversOptions {
  readonly dialect: DialectName;
  readonly port: number;
  /** With its query. */
  readonly path: string;
  readonly connections: number;
  /** `{n}` in it is each one's number. */
  readonly topic: string;
  /** With positions to resume from they wait for `go`. */
  readonly positions?: readonly string[];
}

/** Clients of one server, in a process of their own. */
export class Receivers {
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  /** Connects them, and subscribes them. */
  static async connect(options: ReceiversOptions): Promise<Receivers> {
    const { dialect, port, path, connections, topic, positions = [] } = options;
    const args = [dialect, String(port), path, String(connections), topic, ...positions];
    const child = fork(join(import.meta.dirname, 'receivers-main.ts'), args);
    const receivers = new Receivers(child);
    try {
      const said = await answer<ReceiversSay>(child);
      if ('ready' in said) return receivers;
      throw new Error(`connection ${JSON.stringify(said)} of ${connections}`);
    } catch (error) {
      receivers.close();
      throw error;
    }
  }

  /** All who wait with a position subscribe at once. */
  go(): void {
    this.#child.send('go');
  }

  /** What has arrived since the last time; throws where a connection was lost. */
  async count(): Promise<Arrived> {
    this.#child.send('count');
    const said = await answer<ReceiversSay>(this.#child);
    if ('messages' in said) return said;
    throw new Error(`what arrived was asked for, and it says ${JSON.stringify(said)}`);
  }

  close(): void {
    this.#child.kill('SIGKILL');
  }
}

export interface Arrived {
  readonly messages: number;
  /** Payloads of their frames. */
  readonly bytes: number;
}

/** Waits until they have got so many messages since the last call; bytes of all of them. */
export async function received(all: readonly Receivers[], expected: number): Promise<number> {
  let messages = 0;
  let bytes = 0;
  const deadline = performance.now() + ARRIVE_MS;
  while (messages < expected) {
    if (performance.now() > deadline) throw new Error(`${messages} of ${expected} arrived`);
    for (const receivers of all) {
      const arrived = await receivers.count();
      messages += arrived.messages;
      bytes += arrived.bytes;
    }
    await new Promise((resolve) => setTimeout(resolve, ASK_EVERY_MS));
  }
  if (messages > expected) throw new Error(`${messages} arrived where ${expected} were sent`);
  return bytes;
}
