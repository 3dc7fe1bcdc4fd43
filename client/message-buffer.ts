import type { Position } from '../protocol/position.ts';
import type { Message } from './message.ts';

export interface Buffered {
  readonly message: Message;
  readonly position: Position;
  /** Characters of the frame that brought it. */
  readonly size: number;
}

export interface BufferLimits {
  readonly bufferCount: number;
  readonly bufferChars: number;
}

/** Messages that wait for the application to ask for them. */
export class MessageBuffer {
  readonly #limits: BufferLimits;
  #items: Buffered[] = [];
  #chars = 0;
  #wake: (() => void) | undefined;

  constructor(limits: BufferLimits) {
    this.#limits = limits;
  }

  get length(): number {
    return this.#items.length;
  }

  /** Whether one more of this size still fits; a single one always does. */
  fits(size: number): boolean {
    const { bufferCount, bufferChars } = this.#limits;
    if (this.#items.length === 0) return true;
    return this.#items.length < bufferCount && this.#chars + size <= bufferChars;
  }

  /** At most half full: it is worth asking for more. */
  get roomy(): boolean {
    const { bufferCount, bufferChars } = this.#limits;
    return this.#items.length <= bufferCount / 2 && this.#chars <= bufferChars / 2;
  }

  push(item: Buffered): void {
    this.#items.push(item);
    this.#chars += item.size;
    this.wake();
  }

  shift(): Buffered | undefined {
    const item = this.#items.shift();
    this.#chars -= item?.size ?? 0;
    return item;
  }

  clear(): void {
    this.#items = [];
    this.#chars = 0;
  }

  /** Resolves at the next `push` or `wake`. For one reader. */
  arrival(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  wake(): void {
    this.#wake?.();
    this.#wake = undefined;
  }
}
