import { type ChildProcess, fork } from 'node:child_process';
import { join } from 'node:path';
import { freePort } from '../e2e/processes/free-port.ts';
import { answer } from './answer.ts';
import type { Order, Usage } from './messages.ts';
import { onOwnCore } from './pin.ts';
import { Receivers, received } from './receivers.ts';

/** A gateway and its clients, each in processes of their own, for as long as one measurement. */
export class Stage {
  /** Path and query that clients open. */
  path = '/ws';
  readonly port: number;
  readonly adminPort: number;
  readonly #gateway: ChildProcess;
  readonly #receivers: Receivers[] = [];

  private constructor(gateway: ChildProcess, ports: { port: number; adminPort: number }) {
    this.#gateway = gateway;
    this.port = ports.port;
    this.adminPort = ports.adminPort;
  }

  /** A gateway with nobody connected, on the memory stream or on Redis. */
  static async open(store = 'memory', ...proxy: readonly 'proxy'[]): Promise<Stage> {
    const ports = { port: await freePort(), adminPort: await freePort() };
    const gateway = fork(
      join(import.meta.dirname, 'gateway-main.ts'),
      [String(ports.port), String(ports.adminPort), store, ...proxy],
      // The flag with which scripts/run.mjs starts a gateway, and a garbage collector to call.
      { execArgv: ['--expose-gc', '--max-semi-space-size=4'] },
    );
    const stage = new Stage(gateway, ports);
    await answer(gateway);
    // The receivers are our children and inherit our core.
    await onOwnCore(gateway.pid ?? -1);
    return stage;
  }

  order(order: Order): Promise<Usage> {
    this.#gateway.send(order);
    return answer<Usage>(this.#gateway);
  }

  /**
   * Connects and subscribes clients; `{n}` in the topic is each one's number. With positions to
   * resume from they wait for `go`.
   */
  async connect(connections: number, topic: string, ...positions: string[]): Promise<void> {
    const { port, path } = this;
    const options = { dialect: 'wscluster' as const, port, path, connections, topic, positions };
    this.#receivers.push(await Receivers.connect(options));
  }

  /** All who wait with a position subscribe at once. */
  go(): void {
    for (const receivers of this.#receivers) receivers.go();
  }

  /** The sum of a metric's series. */
  async metric(name: string): Promise<number> {
    const response = await fetch(`http://127.0.0.1:${this.adminPort}/metrics`);
    const lines = (await response.text()).split('\n');
    const series = lines.filter(
      (line) => line.startsWith(`${name} `) || line.startsWith(`${name}{`),
    );
    if (series.length === 0) throw new Error(`there is no metric ${name}`);
    return series.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
  }

  /** Publishes in one request, so that the messages are one batch, and sees that all arrive. */
  async publish(messages: readonly object[], expected: number): Promise<void> {
    await this.send(messages);
    await this.received(expected);
  }

  /** Publishes in one request. */
  async send(messages: readonly object[]): Promise<void> {
    const response = await fetch(`http://127.0.0.1:${this.port}/v1/publish`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ messages }),
    });
    if (!response.ok) throw new Error(`publish: ${response.status} ${await response.text()}`);
  }

  /** Waits until the clients have got so many messages since the last call; bytes of them all. */
  received(expected: number): Promise<number> {
    return received(this.#receivers, expected);
  }

  close(): void {
    for (const receivers of this.#receivers) receivers.close();
    this.#gateway.kill('SIGKILL');
  }
}
