/**
 * How the pods of one cluster speak with each other: a text to all of them, or to one. Two wires
 * implement it, memory and Redis, and both pass `testing/wire.conformance.ts`.
 *
 * A text arrives at most once, whole, and at nobody of another cluster. It may be lost, and nobody
 * is told: whoever wants an answer waits for it with a deadline. What one pod says arrives at
 * another in its order.
 */
export interface PodWire {
  /** Begins to hear. */
  open(listener: WireListener): void;
  /** To every pod that hears, this one too. Rejects when nothing can be sent or heard now. */
  toAll(text: string): Promise<void>;
  /** As `toAll`, to the one of that name. */
  toPod(pod: string, text: string): Promise<void>;
  /** Nothing is heard any more. */
  close(): void;
}

/** Whom a wire tells; its methods never throw. */
export interface WireListener {
  /** From now on this pod hears; called again after the wire was lost. */
  onUp(): void;
  /** Somebody's `toAll`. Whatever it is: nobody has judged it yet. */
  onAll(text: string): void;
  /** Somebody's `toPod` with the name of this pod. */
  onOwn(text: string): void;
}

/** No text is longer, in bytes of UTF-8: what is longer is neither sent nor heard. */
export const WIRE_BYTES = 72 * 1024;

/** Throws when `text` is too long for a wire. */
export function checkLength(text: string): void {
  if (Buffer.byteLength(text) <= WIRE_BYTES) return;
  throw new RangeError(`${Buffer.byteLength(text)} bytes are more than pods say at once`);
}
