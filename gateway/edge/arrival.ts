import type { Encoding } from './encoding.ts';
import type { Socket } from './socket.ts';

/** What is known of a client when its connection begins. */
export interface Arrival {
  readonly socket: Socket;
  /** Of the context's `nextSerial`. */
  readonly serial: number;
  readonly encoding: Encoding;
  readonly loopback: boolean;
  /** From the upgrade; a secret. */
  readonly token: string | undefined;
  /** A plain client, which says no hello and sees messages only. */
  readonly plain: boolean;
  /** The gateway that passes it on to this one. */
  readonly via?: string | undefined;
}
