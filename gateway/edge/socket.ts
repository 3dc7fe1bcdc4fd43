/**
 * The little that the edge needs of a WebSocket. `ws` stands behind it (`ws-socket.ts`); a
 * connection of our own on `net.Socket`, or a native write path, can take its place without the
 * hub noticing. Everything of an upgrade request that is needed later is copied before: nothing
 * per connection holds the request (2.9 KB each).
 */
export interface Socket {
  /**
   * Writes frames that were made by `frame`, ready for the wire, in one write. Never blocks;
   * `buffered` grows by what the kernel did not take. After `close` it writes nothing.
   */
  write(frames: Uint8Array): void;
  /** Asks for one `onDrain`, once everything written so far was taken by the kernel. */
  askDrain(): void;
  /** Sends a WebSocket ping behind everything written before. */
  ping(payload: Uint8Array): void;
  /** Starts the closing handshake; the owner calls `terminate` when it takes too long. */
  close(code: number, reason: string): void;
  /** Ends the connection now, without a handshake. */
  terminate(): void;
  /** Stops and restarts reading from the peer. */
  pause(): void;
  resume(): void;
  /** Bytes written and not yet taken by the kernel. */
  readonly buffered: number;
  /**
   * Changes whenever the kernel takes bytes of what is buffered, and only then. It sees into a
   * large write too, which `buffered` counts until its end. For slow connections only.
   */
  readonly progress: number;
  /** Whether part of a message is here, and the rest of it is not. */
  readonly receiving: boolean;
  /** IP address of the peer, which may be a proxy; undefined: there is none, or not any more. */
  readonly peer: string | undefined;
}

/** How a socket speaks to its owner. Set once, right after the upgrade. */
export interface SocketOwner {
  onMessage(data: Uint8Array, binary: boolean): void;
  /** True: answer it. False: it is over the agreed rate. */
  onPing(): boolean;
  onPong(payload: Uint8Array): void;
  /** What `askDrain` asked for. */
  onDrain(): void;
  /** The peer broke the rules of WebSocket; the socket is closing itself with this code. */
  onViolation(code: number): void;
  /** Exactly once, whatever ended it. 1006: without a closing handshake. */
  onClose(code: number, reason: string): void;
}
