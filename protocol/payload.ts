/**
 * The application's data, as the publisher wrote it. The gateway stores and forwards the bytes
 * without looking inside; only where a subscriber speaks the other encoding are they rewritten,
 * once per message.
 */
export interface Payload {
  readonly encoding: Encoding;
  /** Exactly one value: UTF-8 JSON text without surrounding whitespace, or one msgpack value. */
  readonly bytes: Uint8Array;
}

export type Encoding = 'json' | 'msgpack';
