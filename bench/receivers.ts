import { maskedText, ReceiverSocket } from './receiver-socket.ts';

/**
 * A process full of receivers, driven over IPC:
 *
 *     node bench/receivers.ts <host> <port> <connections> <topic>
 *
 * `{n}` in the topic is replaced by the number of the connection. Says `{ready}` once every one is
 * subscribed, and answers `{count: true}` with the messages received since the last time.
 */

export type ReceiversSay =
  | { readonly ready: number }
  | { readonly messages: number; readonly bytes: number }
  | { readonly lost: number };

const [host = '127.0.0.1', port = '8001', connections = '1', topic = 'room'] =
  process.argv.slice(2);
const wanted = Number(connections);
/** Handshakes under way at once: above the listen backlog they would be retried by the kernel. */
const CONCURRENT = 128;

let opened = 0;
let subscribed = 0;
let messages = 0;
let bytes = 0;
const SUBBED = Buffer.from('{"type":"subbed"');
const MSG = Buffer.from('{"type":"msg"');

function say(what: ReceiversSay): void {
  process.send?.(what);
}

function open(): void {
  if (opened >= wanted) return;
  const number = opened;
  opened += 1;
  new ReceiverSocket(
    { host, port: Number(port), path: '/ws' },
    {
      onOpen: (receiver) => {
        receiver.send(maskedText('{"type":"hello"}'));
        const name = topic.replace('{n}', String(number));
        receiver.send(maskedText(JSON.stringify({ type: 'sub', id: 1, topics: [name] })));
      },
      onFrame: (_opcode, payload) => onFrame(payload),
      onClose: () => say({ lost: number }),
    },
  );
}

function onFrame(payload: Buffer): void {
  if (payload.subarray(0, MSG.length).equals(MSG)) {
    messages += 1;
    bytes += payload.length;
    return;
  }
  if (!payload.subarray(0, SUBBED.length).equals(SUBBED)) return;
  subscribed += 1;
  if (subscribed === wanted) say({ ready: subscribed });
  open();
}

for (let count = 0; count < CONCURRENT; count += 1) open();

process.on('message', () => {
  say({ messages, bytes });
  messages = 0;
  bytes = 0;
});
process.on('disconnect', () => process.exit(0));
