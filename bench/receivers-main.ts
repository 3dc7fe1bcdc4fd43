import type { ReceiversSay } from './messages.ts';
import { maskedText, ReceiverSocket } from './receiver-socket.ts';

/**
 * A process full of receivers, driven over IPC:
 *
 *     node bench/receivers-main.ts <host> <port> <path> <connections> <topic> [position …]
 *
 * `{n}` in the topic is replaced by the number of the connection. Says `{ready}` once every one is
 * subscribed. With positions they only say hello, say `{ready}`, and at `go` all subscribe at once,
 * each from one of the positions in turn. Answers `count` with what came since the last time.
 */

const [host = '127.0.0.1', port = '8001', path = '/ws', ...rest] = process.argv.slice(2);
const [connections = '1', topic = 'room', ...positions] = rest;
const wanted = Number(connections);
/** Handshakes under way at once: above the listen backlog they would be retried by the kernel. */
const CONCURRENT = 128;
const WELCOME = Buffer.from('{"type":"welcome"');
const SUBBED = Buffer.from('{"type":"subbed"');
const MSG = Buffer.from('{"type":"msg"');

const receivers: ReceiverSocket[] = [];
let ready = 0;
let messages = 0;
let bytes = 0;

function say(what: ReceiversSay): void {
  process.send?.(what);
}

function open(): void {
  const number = receivers.length;
  if (number >= wanted) return;
  const receiver = new ReceiverSocket(
    { host, port: Number(port), path },
    {
      onOpen: () => {
        receiver.send(maskedText('{"type":"hello"}'));
        if (positions.length === 0) subscribe(receiver, number);
      },
      onFrame: (_opcode, payload) => onFrame(payload),
      onClose: () => say({ lost: number }),
    },
  );
  receivers.push(receiver);
}

function subscribe(receiver: ReceiverSocket, number: number): void {
  const name = topic.replace('{n}', String(number));
  const position = positions[number % Math.max(1, positions.length)];
  const topics = [position === undefined ? name : { topic: name, position }];
  receiver.send(maskedText(JSON.stringify({ type: 'sub', id: 1, topics })));
}

function onFrame(payload: Buffer): void {
  if (begins(payload, MSG)) {
    messages += 1;
    bytes += payload.length;
  } else if (begins(payload, positions.length > 0 ? WELCOME : SUBBED)) {
    ready += 1;
    if (ready === wanted) say({ ready });
    open();
  }
}

const begins = (payload: Buffer, start: Buffer) => payload.subarray(0, start.length).equals(start);

for (let count = 0; count < CONCURRENT; count += 1) open();

process.on('message', (order: 'count' | 'go') => {
  if (order === 'go') {
    receivers.forEach(subscribe);
    return;
  }
  say({ messages, bytes });
  messages = 0;
  bytes = 0;
});
process.on('disconnect', () => process.exit(0));
