import { connect, createServer, type Server, type Socket } from 'node:net';
import { freePort } from './free-port.ts';

const SAID_BYTES = 512;

/** A proxy on the loopback that can break a connection in the ways that networks do. */
export class TcpProxy {
  readonly port: number;
  /** What it did, for evidence. */
  readonly counts = {
    accepted: 0,
    cut: 0,
    refused: 0,
    swallowedBytes: 0,
    repliesLost: 0,
    /** Connections that the target ended. */
    targetEnded: 0,
  };
  #target: number;
  readonly #server: Server;
  readonly #links = new Set<Link>();
  /** Every socket that is not closed yet, whatever became of its link. */
  readonly #sockets = new Set<Socket>();
  #refusing = false;
  #swallowing = false;
  #delayMs = 0;
  /** By performance.now(). */
  #heldUntil = 0;
  #trap: Trap | undefined;
  #unwanted: string | undefined;

  private constructor(port: number, target: number) {
    this.port = port;
    this.#target = target;
    this.#server = createServer((socket) => this.#accept(socket));
  }

  /** Listens on a free port and passes everything to `target` on the loopback. */
  static async open(target: number): Promise<TcpProxy> {
    const proxy = new TcpProxy(await freePort(), target);
    await new Promise<void>((resolve, reject) => {
      proxy.#server.once('error', reject);
      proxy.#server.listen(proxy.port, '127.0.0.1', resolve);
    });
    return proxy;
  }

  /** Ends every connection with a reset. */
  cut(): void {
    for (const link of this.#links) {
      this.counts.cut += 1;
      link.end();
    }
    this.#links.clear();
  }

  /** Cuts, and resets whoever comes, until `pass`. */
  refuse(): void {
    this.#refusing = true;
    this.cut();
  }

  /** The same for those connections alone whose client begins with `text`; the others stay. */
  refuseThose(text: string): void {
    this.#unwanted = text;
    for (const link of this.#links) if (link.said.includes(text)) this.#refuse(link);
  }

  /** Half-open: connections stay, every byte in both directions disappears, until `pass`. */
  swallow(): void {
    this.#swallowing = true;
  }

  /** The same for those connections of this moment whose client began with `text`. */
  swallowThose(text: string): void {
    for (const link of this.#links) link.dead ||= link.said.includes(text);
  }

  /** Connections from now on go to another port; those that are there stay. */
  leadTo(target: number): void {
    this.#target = target;
  }

  /** Everything arrives later by so much, in order. 0: at once. */
  delay(ms: number): void {
    this.#delayMs = ms;
  }

  /** What the target answers, also what is on its way, arrives when `ms` have passed, in order. */
  holdAnswers(ms: number): void {
    this.#heldUntil = performance.now() + ms;
  }

  /**
   * The next `times` requests that hold `text` reach the target; of the answer `bytes` bytes come
   * back, then the connection is reset.
   */
  loseReply(text: string, options: { times: number; bytes?: number }): void {
    this.#trap = { text, times: options.times, bytes: options.bytes ?? 0 };
  }

  /** Back to normal. What was swallowed is gone: connections that missed bytes are reset. */
  pass(): void {
    const halfOpen = this.#swallowing;
    this.#refusing = false;
    this.#swallowing = false;
    if (halfOpen) this.cut();
    this.#trap = undefined;
    this.#unwanted = undefined;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #watch(socket: Socket): void {
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
  }

  #accept(client: Socket): void {
    this.#watch(client);
    if (this.#refusing) {
      this.counts.refused += 1;
      client.on('error', ignore);
      client.resetAndDestroy();
      return;
    }
    this.counts.accepted += 1;
    const target = connect(this.#target, '127.0.0.1');
    this.#watch(target);
    const link = new Link(client, target, () => this.#heldUntil);
    this.#links.add(link);
    client.once('close', () => this.#closed(link, target));
    target.once('close', () => {
      this.counts.targetEnded += link.reset ? 0 : 1;
      this.#closed(link, client);
    });
    client.on('data', (data) => this.#request(link, bytes(data)));
    target.on('data', (data) => this.#reply(link, bytes(data)));
  }

  /** One side is gone. While half-open, the other side does not hear even of that. */
  #closed(link: Link, other: Socket): void {
    if (this.#swallowing) return;
    this.#links.delete(link);
    // Not `end`: a paused socket would never hear that its peer is gone, too.
    other.destroySoon();
  }

  #request(link: Link, data: Buffer): void {
    if (link.said.length < SAID_BYTES) link.said += data.toString('latin1', 0, SAID_BYTES);
    if (this.#unwanted !== undefined && link.said.includes(this.#unwanted)) {
      this.#refuse(link);
      return;
    }
    if (this.#lost(link, data)) return;
    const trap = this.#trap;
    const armed = trap !== undefined && trap.times > 0 && link.left === undefined;
    if (armed && data.includes(trap.text)) {
      trap.times -= 1;
      link.left = trap.bytes;
    }
    link.there.pass(data, this.#delayMs);
  }

  #reply(link: Link, data: Buffer): void {
    if (this.#lost(link, data)) return;
    if (link.left === undefined) {
      link.back.pass(data, this.#delayMs);
      return;
    }
    const part = data.subarray(0, link.left);
    link.left -= part.length;
    if (part.length > 0) link.toClient(part);
    if (link.left > 0) return;
    this.counts.repliesLost += 1;
    link.end();
  }

  #refuse(link: Link): void {
    this.counts.refused += 1;
    link.end();
  }

  #lost(link: Link, data: Buffer): boolean {
    const lost = this.#swallowing || link.dead;
    if (lost) this.counts.swallowedBytes += data.length;
    return lost;
  }
}

interface Trap {
  readonly text: string;
  readonly bytes: number;
  times: number;
}

class Link {
  /** Bytes of the reply that still pass before the link is reset; undefined: all. */
  left: number | undefined;
  /** We ended it. */
  reset = false;
  /** Half-open by itself. */
  dead = false;
  /** How its client began. */
  said = '';
  /** The two ways. */
  readonly there = new Way((data) => this.toTarget(data));
  readonly back: Way;
  readonly #client: Socket;
  readonly #target: Socket;

  constructor(client: Socket, target: Socket, answersHeldUntil: () => number) {
    this.#client = client;
    this.#target = target;
    this.back = new Way((data) => this.toClient(data), answersHeldUntil);
    for (const socket of [client, target]) {
      socket.setNoDelay(true);
      // A close follows, and what ended one side is for the other to notice.
      socket.on('error', ignore);
    }
  }

  toTarget(data: Buffer): void {
    relay(data, this.#client, this.#target);
  }

  toClient(data: Buffer): void {
    relay(data, this.#target, this.#client);
  }

  end(): void {
    this.reset = true;
    this.#client.resetAndDestroy();
    this.#target.resetAndDestroy();
  }
}

/** One direction of a link: bytes arrive in order, whatever becomes of the delay meanwhile. */
class Way {
  readonly #waiting: { readonly data: Buffer; readonly due: number }[] = [];
  readonly #arrive: (data: Buffer) => void;
  readonly #heldUntil: () => number;

  /** `heldUntil`: by performance.now(). */
  constructor(arrive: (data: Buffer) => void, heldUntil: () => number = () => 0) {
    this.#arrive = arrive;
    this.#heldUntil = heldUntil;
  }

  pass(data: Buffer, delayMs: number): void {
    const held = performance.now() < this.#heldUntil();
    if (delayMs === 0 && !held && this.#waiting.length === 0) {
      this.#arrive(data);
      return;
    }
    this.#waiting.push({ data, due: performance.now() + delayMs });
    if (this.#waiting.length === 1) this.#wait();
  }

  #wait(): void {
    const [next] = this.#waiting;
    if (next === undefined) return;
    const waitMs = Math.max(next.due, this.#heldUntil()) - performance.now();
    setTimeout(
      () => {
        // Held meanwhile.
        if (performance.now() >= this.#heldUntil()) {
          this.#waiting.shift();
          this.#arrive(next.data);
        }
        this.#wait();
      },
      Math.max(0, waitMs),
    );
  }
}

/** A slow reader must be felt by the writer, as it is without a proxy. */
function relay(data: Buffer, from: Socket, to: Socket): void {
  if (to.destroyed || to.write(data)) return;
  from.pause();
  to.once('drain', () => from.resume());
}

/** No encoding is set, so it is bytes already. */
function bytes(data: string | Buffer): Buffer {
  return typeof data === 'string' ? Buffer.from(data) : data;
}

function ignore(): void {}
