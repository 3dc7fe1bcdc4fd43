import { type DialectName, dialects } from './dialects.ts';
import type { ReceiversSay } from './messages.ts';
import { maskedText, ReceiverSocket } from './receiver-socket.ts';

/**
 * A process full of receivers, driven over IPC:
 *
 *     node bench/receivers-main.ts <dialect> <port> <path> <connections> <topic> [position …]
 *
 * `{n}` in the topic is replaced by the number of the connection. Says `{ready}` once every one is
 * subscribed. With positions they only say hello, say `{ready}`, and at `go` all subscribe at once,
 * each from one of the positions in turn. Answers `count` with what came since the last time.
 */

const [dialect = 'wscluster', port = '8001', path = '/ws', ...rest] = process.argv.slice(2);
const [connections = '1', topic = 'room', ...positions] = rest;
const { conversation, message } = dialects[dialect as DialectName];
const wanted = Number(connections);
/** Handshakes under way at once: above the listen backlog they would be retried by the kernel. */
const CONCURRENT = 128;
const MESSAGE = Buffer.from(message);

const receivers: Receiver[] = [];
let ready = 0;
let messages = 0;
let bytes = 0;

function say(what: ReceiversSay): void {
  process.send?.(what);
}

class Receiver {
  readonly #socket: ReceiverSocket;
  readonly #exchanges: ReturnType<typeof conversation>;
  #next = 0;

  constructor(number: number) {
    const position = positions[number % Math.max(1, positions.length)];
    this.#exchanges = conversation(topic.replace('{n}', String(number)), position);
    this.#socket = new ReceiverSocket(
      { host: '127.0.0.1', port: Number(port), path },
      {
        onOpen: () => this.speak(),
        onFrame: (_opcode, payload) => this.#onFrame(payload),
        onClose: () => say({ lost: number }),
      },
    );
  }

  speak(): void {
    const says = this.#exchanges[this.#next]?.says;
    if (says !== undefined) this.#socket.send(maskedText(says));
  }

  #onFrame(payload: Buffer): void {
    if (begins(payload, MESSAGE)) {
      messages += 1;
      bytes += payload.length;
      return;
    }
    const hears = this.#exchanges[this.#next]?.hears;
    if (hears === undefined || !begins(payload, Buffer.from(hears))) return;
    this.#next += 1;
    const left = this.#exchanges.length - this.#next;
    // With a position all say the last together.
    if (left === (positions.length > 0 ? 1 : 0)) isReady();
    else this.speak();
  }
}

function open(): void {
  const number = receivers.length;
  if (number < wanted) receivers.push(new Receiver(number));
}

function isReady(): void {
  ready += 1;
  if (ready === wanted) say({ ready });
  open();
}

const begins = (payload: Buffer, start: Buffer) => payload.subarray(0, start.length).equals(start);

for (let count = 0; count < CONCURRENT; count += 1) open();

process.on('message', (order: 'count' | 'go') => {
  if (order === 'go') {
    for (const receiver of receivers) receiver.speak();
    return;
  }
  say({ messages, bytes });
  messages = 0;
  bytes = 0;
});
process.on('disconnect', () => process.exit(0));
