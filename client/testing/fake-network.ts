import { Client } from '../client.ts';
import type { StateChange } from '../connection.ts';
import type { ClientError } from '../errors.ts';
import type { ClientOptions } from '../options.ts';
import type { SocketLike } from '../platform.ts';

/**
 * A network for tests in which nothing happens by itself: the test is the gateway. It opens the
 * sockets that the client makes, reads what was sent, says what a gateway would say, and breaks
 * them. There is no delay: what is said is heard before the call returns.
 */
class FakeNetwork {
  readonly sockets: FakeSocket[] = [];

  readonly open = (url: string, protocols: string[]): FakeSocket => {
    const socket = new FakeSocket(url, protocols);
    this.sockets.push(socket);
    return socket;
  };

  /** The newest socket. */
  get last(): FakeSocket {
    const socket = this.sockets.at(-1);
    if (socket === undefined) throw new Error('no socket was made');
    return socket;
  }

  /** Sockets that were neither closed by the client nor broken by the test. */
  get alive(): number {
    return this.sockets.filter((socket) => !socket.over).length;
  }
}

type Frame = Readonly<Record<string, unknown>>;

export class FakeSocket implements SocketLike {
  readonly url: string;
  readonly protocols: readonly string[];
  readonly sent: Frame[] = [];
  closedWith: number | undefined = undefined;
  over = false;
  onopen: ((event: never) => void) | null = null;
  onmessage: ((event: never) => void) | null = null;
  onclose: ((event: never) => void) | null = null;
  onerror: ((event: never) => void) | null = null;

  constructor(url: string, protocols: readonly string[]) {
    this.url = url;
    this.protocols = protocols;
  }

  send(text: string): void {
    if (!this.over) this.sent.push(JSON.parse(text) as Frame);
  }

  close(code?: number): void {
    this.closedWith = code;
    this.over = true;
  }

  /** What was sent of one type. */
  said(type: string): readonly Frame[] {
    return this.sent.filter((frame) => frame['type'] === type);
  }

  /** The newest of one type. */
  asked(type: string): Frame {
    const frame = this.said(type).at(-1);
    if (frame === undefined) throw new Error(`no ${type} was sent`);
    return frame;
  }

  accept(): void {
    this.#call(this.onopen, {});
  }

  say(frame: Frame): void {
    this.text(JSON.stringify(frame));
  }

  text(data: unknown): void {
    if (!this.over) this.#call(this.onmessage, { data });
  }

  /** Opens it and answers `hello`. */
  welcome(more: Frame = {}): void {
    this.accept();
    const limits = { frameBytes: 1_048_576, topics: 1_000 };
    this.say({
      type: 'welcome',
      session: 's',
      heartbeat: 1_000,
      limits,
      features: [],
      pod: 'fake',
      ...more,
    });
  }

  /** Answers the newest `sub`: every topic at `position`. */
  subbed(position: string): void {
    const { id, topics } = this.asked('sub') as { id?: number; topics?: Asked[] };
    this.say({
      type: 'subbed',
      id,
      topics: (topics ?? []).map((one) => ({ topic: topicOf(one), position, replay: 0 })),
    });
  }

  message(position: string, data: unknown, more: Frame = {}): void {
    this.say({ type: 'msg', topic: 't', position, data, at: 1, ...more });
  }

  /** The peer closes it, or (1006) the network breaks it. */
  drop(code = 1006, reason = ''): void {
    this.over = true;
    this.#call(this.onclose, { code, reason });
  }

  #call(handler: ((event: never) => void) | null, event: Frame): void {
    handler?.(event as never);
  }
}

type Asked = string | { readonly topic: string };
const topicOf = (one: Asked) => (typeof one === 'string' ? one : one.topic);

/** A client on such a network, and everything that it reports. */
interface Watched {
  readonly client: Client;
  readonly network: FakeNetwork;
  readonly changes: StateChange[];
  readonly errors: ClientError[];
}

export function watchedClient(options: Partial<ClientOptions>): Watched {
  const network = new FakeNetwork();
  const client = new Client({
    url: 'ws://a/ws',
    webSocket: network.open,
    random: () => 0.5,
    platform: () => () => {},
    ...options,
  });
  const changes: StateChange[] = [];
  const errors: ClientError[] = [];
  client.on('state', (change) => changes.push(change));
  client.on('error', (error) => errors.push(error));
  return { client, network, changes, errors };
}
