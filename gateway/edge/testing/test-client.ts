import { once } from 'node:events';
import { type ClientOptions, WebSocket } from 'ws';
import { until } from '../../../e2e/deadline.ts';
import type { Command } from '../../../protocol/commands.ts';
import type { ServerEvent } from '../../../protocol/events.ts';
import { jsonCodec } from '../../../protocol/json.ts';

export interface ConnectOptions extends ClientOptions {
  /** Path and query. Default: `/ws`. */
  readonly path?: string;
  readonly protocols?: readonly string[];
}

/** A client for tests: everything it heard, and waits with a deadline. */
export class TestClient {
  readonly ws: WebSocket;
  readonly events: ServerEvent[] = [];
  closed: { readonly code: number; readonly reason: string } | undefined;
  pings = 0;

  constructor(port: number, options: ConnectOptions = {}) {
    const { path = '/ws', protocols = ['wscluster.v1'], ...rest } = options;
    this.ws = new WebSocket(`ws://127.0.0.1:${port}${path}`, [...protocols], rest);
    this.ws.on('message', (data: Buffer) => {
      const decoded = jsonCodec.decodeEvent(data);
      if (!decoded.ok) throw new Error(`not an event: ${data}`);
      this.events.push(decoded.value);
    });
    this.ws.on('ping', () => {
      this.pings += 1;
    });
    this.ws.on('close', (code: number, reason: Buffer) => {
      this.closed = { code, reason: String(reason) };
    });
    this.ws.on('error', () => {
      // Shows itself as a close, or as the rejection of `opened`.
    });
  }

  async opened(): Promise<this> {
    if (this.ws.readyState !== WebSocket.OPEN) await once(this.ws, 'open');
    return this;
  }

  /** Connects, says hello and waits for the welcome. */
  static async ready(port: number, options: ConnectOptions = {}, hello: object = {}) {
    const client = await new TestClient(port, options).opened();
    client.send({ type: 'hello', ...hello });
    await client.heard('welcome');
    return client;
  }

  send(command: Command | object): void {
    this.ws.send(JSON.stringify(command));
  }

  of<T extends ServerEvent['type']>(type: T): Extract<ServerEvent, { type: T }>[] {
    return this.events.filter((event): event is Extract<ServerEvent, { type: T }> => {
      return event.type === type;
    });
  }

  /** Waits until `count` events of a type came, and returns the last of these. */
  async heard<T extends ServerEvent['type']>(type: T, count = 1) {
    await until(() => this.of(type).length >= count, {
      for: `${count} ${type}, has ${this.summary()}`,
    });
    return this.of(type)[count - 1] as Extract<ServerEvent, { type: T }>;
  }

  async closing(): Promise<{ readonly code: number; readonly reason: string }> {
    await until(() => this.closed !== undefined, { for: `a close, has ${this.summary()}` });
    return this.closed as { readonly code: number; readonly reason: string };
  }

  /** The application's data of all messages, as text. */
  get data(): string[] {
    return this.of('msg').map(({ data }) => Buffer.from(data.bytes).toString());
  }

  summary(): string {
    return `${this.events.length} events: ${this.events.map(({ type }) => type).slice(-8)}`;
  }
}
