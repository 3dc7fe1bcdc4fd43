import type { Socket } from '../socket.ts';

/** A socket for tests: it remembers what it was told, and the test says what the kernel takes. */
export class FakeSocket implements Socket {
  readonly written: Uint8Array[] = [];
  readonly pings: number[] = [];
  buffered = 0;
  progress = 0;
  receiving = false;
  peer: string | undefined;
  drainsAsked = 0;
  closedWith: number | undefined;
  terminated = false;
  paused = false;

  write(frames: Uint8Array): void {
    this.written.push(frames);
  }

  askDrain(): void {
    this.drainsAsked += 1;
  }

  ping(payload: Uint8Array): void {
    this.pings.push(Buffer.from(payload).readUInt32BE(0));
  }

  close(code: number): void {
    this.closedWith = code;
  }

  terminate(): void {
    this.terminated = true;
  }

  pause(): void {
    this.paused = true;
  }

  resume(): void {
    this.paused = false;
  }
}

/** The payload of the pong that answers ping `counter`. */
export function pongOf(counter: number): Buffer {
  const payload = Buffer.alloc(4);
  payload.writeUInt32BE(counter, 0);
  return payload;
}
