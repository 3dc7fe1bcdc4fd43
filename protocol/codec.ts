import type { ErrorName } from './code-table.ts';
import type { Command } from './commands.ts';
import type { ServerEvent } from './events.ts';

/**
 * How commands and events are written. What is said is one set of types (`commands.ts`,
 * `events.ts`); a codec is one way to write it. Decoders never throw: whatever bytes come in,
 * the outcome is a value of the type or a refusal.
 */
export interface Codec {
  /** The WebSocket subprotocol that selects it. */
  readonly subprotocol: Subprotocol;
  /** Whether its frames are binary. A frame of the other kind is refused. */
  readonly binary: boolean;
  encodeEvent(event: ServerEvent): Uint8Array;
  decodeEvent(frame: Uint8Array): Decoded<ServerEvent>;
  encodeCommand(command: Command): Uint8Array;
  decodeCommand(frame: Uint8Array): Decoded<Command>;
}

export type Subprotocol = 'wscluster.v1' | 'wscluster.v1.msgpack';

export type Decoded<T> =
  | { readonly ok: true; readonly value: T }
  /** A frame of a type that this version does not know: ignored by clients, `err` by servers. */
  | {
      readonly ok: false;
      readonly code: ErrorName;
      readonly message: string;
      readonly id?: number;
    };
