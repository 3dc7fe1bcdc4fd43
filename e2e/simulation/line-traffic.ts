/** What a client sends: whole frames. */
export type Upward =
  | { readonly kind: 'text'; readonly data: Buffer }
  | { readonly kind: 'pong'; readonly payload: Buffer }
  | { readonly kind: 'close'; readonly code: number }
  /** The connection ended without a word. */
  | { readonly kind: 'end' };

/** What a gateway sends: the answer to the upgrade, bytes, the end. */
export type Downward = 'open' | 'end' | Uint8Array;

/** Who wants to know what happens on a client's connection. */
export interface LineWatch {
  onOpen(): void;
  /** A frame of any kind was read by the client. */
  onHeard(what: 'ping' | 'tick' | 'stale' | 'other'): void;
  /** Exactly once for each `onOpen`. */
  onEnd(code: number): void;
  /** A frame of text, before the client reads it. */
  onText?(text: string): void;
  /** The client sent a frame of text. */
  onSaid?(text: string): void;
}
