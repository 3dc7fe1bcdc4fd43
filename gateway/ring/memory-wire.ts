import { checkLength, type PodWire, type WireListener } from './pod-wire.ts';

/** What the pods of one process share: who hears. */
export class MemoryExchange {
  readonly #listeners = new Map<string, Set<WireListener>>();

  /** The end of the wire that belongs to the pod of that name. */
  wire(pod: string): PodWire {
    return new MemoryWire(this, pod);
  }

  join(pod: string, listener: WireListener): void {
    const named = this.#listeners.get(pod) ?? new Set();
    this.#listeners.set(pod, named.add(listener));
  }

  leave(pod: string, listener: WireListener): void {
    const named = this.#listeners.get(pod);
    named?.delete(listener);
    if (named?.size === 0) this.#listeners.delete(pod);
  }

  /** Those of one pod, or of all. */
  hearing(pod?: string): WireListener[] {
    const groups = pod === undefined ? [...this.#listeners.values()] : [this.#listeners.get(pod)];
    return groups.flatMap((group) => [...(group ?? [])]);
  }
}

/** The wire of a pod whose cluster is one process. */
class MemoryWire implements PodWire {
  readonly #exchange: MemoryExchange;
  readonly #pod: string;
  #listener: WireListener | undefined;

  constructor(exchange: MemoryExchange, pod: string) {
    this.#exchange = exchange;
    this.#pod = pod;
  }

  open(listener: WireListener): void {
    this.#listener = listener;
    this.#exchange.join(this.#pod, listener);
    listener.onUp();
  }

  async toAll(text: string): Promise<void> {
    this.#check(text);
    for (const listener of this.#exchange.hearing()) queueMicrotask(() => listener.onAll(text));
  }

  async toPod(pod: string, text: string): Promise<void> {
    this.#check(text);
    for (const listener of this.#exchange.hearing(pod)) queueMicrotask(() => listener.onOwn(text));
  }

  close(): void {
    if (this.#listener !== undefined) this.#exchange.leave(this.#pod, this.#listener);
    this.#listener = undefined;
  }

  #check(text: string): void {
    checkLength(text);
    if (this.#listener === undefined) throw new Error('this wire is closed');
  }
}
