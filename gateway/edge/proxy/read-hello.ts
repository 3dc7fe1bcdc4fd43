import type { Socket as NetSocket } from 'node:net';
import type { Clock } from '../../../protocol/clock.ts';
import type { Codec } from '../../../protocol/codec.ts';
import type { Hello } from '../../../protocol/commands.ts';
import { FirstFrameReader } from './first-frame.ts';

/** What a client said first, before anybody serves it. */
export interface Heard {
  /** All bytes that were read. */
  readonly taken: Buffer;
  /** Undefined: it said something else, or nothing in time, or is gone. */
  readonly hello: Hello | undefined;
  /** It said nothing in time. */
  readonly late: boolean;
}

export interface HearOptions {
  readonly head: Buffer;
  readonly codec: Codec;
  readonly clock: Clock;
  readonly timeoutMs: number;
}

/**
 * Waits for a client's hello on a connection whose handshake is done. Then it is not read any more,
 * and what it does wrong is for whoever serves it to say. Never rejects.
 */
export function readHello(net: NetSocket, options: HearOptions): Promise<Heard> {
  const { head, codec, clock, timeoutMs } = options;
  return new Promise((resolve) => {
    const reader = new FirstFrameReader();
    const done = (hello?: Hello, late = false) => {
      timer.cancel();
      net.off('data', onData);
      net.off('end', onEnd);
      net.off('close', onEnd);
      net.pause();
      resolve({ taken: reader.taken, hello, late });
    };
    const onEnd = () => done();
    const onData = (chunk: Buffer) => {
      const first = reader.push(chunk);
      if (first === undefined) return;
      if (first === 'other' || first.binary !== codec.binary) {
        done();
        return;
      }
      const decoded = codec.decodeCommand(first.payload);
      done(decoded.ok && decoded.value.type === 'hello' ? decoded.value : undefined);
    };
    const timer = clock.after(timeoutMs, () => done(undefined, true));
    net.on('end', onEnd);
    net.on('close', onEnd);
    net.on('data', onData);
    if (head.length > 0) onData(head);
  });
}
