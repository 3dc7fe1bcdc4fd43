import { join } from 'node:path';
import type { FleetView } from '../../embedded/contract.ts';
import type { Ring } from '../../protocol/ring.ts';
import { decodeRing } from '../../protocol/ring-document.ts';
import { until } from '../deadline.ts';
import { Child } from '../processes/child.ts';
import { freePorts } from '../processes/free-port.ts';
import { fileOf } from '../processes/programs.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const START_MS = 30_000;
/** The page, nine gateways. */
const PORTS = 10;

/** `npm start` as a process of its own, without npm. */
export class Embedded {
  readonly port: number;
  readonly child: Child;

  private constructor(port: number, child: Child) {
    this.port = port;
    this.child = child;
  }

  /** Starts it and waits until it serves the page. */
  static async start(args: readonly string[] = []): Promise<Embedded> {
    const port = await embeddedPorts();
    const child = new Child({
      command: process.execPath,
      args: [fileOf('embedded'), '--port', String(port), ...args],
      cwd: ROOT,
    });
    const embedded = new Embedded(port, child);
    await until(() => embedded.#served(), { for: 'the page to be served', deadlineMs: START_MS });
    return embedded;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}/`;
  }

  async fleet(): Promise<FleetView> {
    const response = await fetch(`${this.url}api/fleet`);
    return (await response.json()) as FleetView;
  }

  /** The ring in force; undefined while there is none. */
  async ring(): Promise<Ring | undefined> {
    const response = await fetch(`${this.url}api/ring`);
    return response.ok ? decodeRing(await response.text()) : undefined;
  }

  /** Waits until so many gateways own something. */
  async owned(gateways: number): Promise<void> {
    await until(async () => (await this.ring())?.members.length === gateways, {
      for: `a ring of ${gateways} gateways`,
      deadlineMs: START_MS,
    });
  }

  async stop(): Promise<void> {
    await this.child.end('SIGTERM');
  }

  async #served(): Promise<boolean> {
    const { exit } = this.child;
    if (exit !== undefined) throw new Error(`it ended (${exit.code}):\n${this.child.output}`);
    return fetch(this.url).then(
      (response) => response.ok,
      () => false,
    );
  }
}

/** The first of as many free ports in a row as embedded mode may take. */
export const embeddedPorts = (): Promise<number> => freePorts(PORTS);
