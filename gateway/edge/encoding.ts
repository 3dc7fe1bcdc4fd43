import type { Codec } from '../../protocol/codec.ts';
import type { Msg, ServerEvent } from '../../protocol/events.ts';
import { jsonCodec } from '../../protocol/json.ts';
import { msgpackCodec } from '../../protocol/msgpack.ts';
import type { Batch } from '../hub/hub.ts';
import type { Entry } from '../stream/stream.ts';
import { frame, frames, opcodes } from './frame.ts';

/** One way to write events on a connection. There is one object per codec, for all connections. */
export interface Encoding {
  readonly codec: Codec;
  readonly opcode: number;
  /** Where `Batch.frames` keeps the bytes of this codec. */
  readonly slot: number;
}

const json: Encoding = { codec: jsonCodec, opcode: opcodes.text, slot: 0 };
const msgpack: Encoding = { codec: msgpackCodec, opcode: opcodes.binary, slot: 1 };

/** The encoding of a subprotocol; JSON when none was agreed. */
export function encodingOf(subprotocol: string | undefined): Encoding {
  return subprotocol === msgpackCodec.subprotocol ? msgpack : json;
}

/** One event, framed. */
export function eventFrame(event: ServerEvent, encoding: Encoding): Buffer {
  return frame(encoding.opcode, encoding.codec.encodeEvent(event));
}

/**
 * All entries of a batch, each in a frame of its own, in one buffer. Made once per codec, by the
 * first connection that needs it.
 */
export function batchFrames(batch: Batch, encoding: Encoding): Uint8Array {
  const made = batch.frames[encoding.slot];
  if (made !== undefined) return made;
  const payloads = batch.entries.map((entry) =>
    encoding.codec.encodeEvent(message(batch.topic, entry)),
  );
  const bytes = frames(encoding.opcode, payloads);
  batch.frames[encoding.slot] = bytes;
  return bytes;
}

function message(topic: string, entry: Entry): Msg {
  const { epoch, seq, at, id, data } = entry;
  const position = { epoch, seq, confirmed: Math.floor(at / 1_000) };
  const event = { type: 'msg', topic, position, data, at } as const;
  return id === undefined ? event : { ...event, id };
}
