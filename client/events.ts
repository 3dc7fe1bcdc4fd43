export type Handler<Event> = (event: Event) => unknown;

/**
 * Handlers by name. A handler cannot break the client: what it throws, or what the promise that
 * it returned rejects with, goes to `report`, and the other handlers are called all the same.
 */
export class Emitter<Events> {
  readonly #handlers: { [Name in keyof Events]?: Set<Handler<Events[Name]>> } = {};
  readonly #report: (error: unknown) => void;

  constructor(report: (error: unknown) => void) {
    this.#report = report;
  }

  /** Returns what removes the handler again. */
  on<Name extends keyof Events>(name: Name, handler: Handler<Events[Name]>): () => void {
    const handlers = this.#handlers[name] ?? new Set();
    this.#handlers[name] = handlers;
    handlers.add(handler);
    return () => {
      handlers.delete(handler);
    };
  }

  has(name: keyof Events): boolean {
    return (this.#handlers[name]?.size ?? 0) > 0;
  }

  emit<Name extends keyof Events>(name: Name, event: Events[Name]): void {
    // A copy: a handler may add and remove handlers.
    for (const handler of [...(this.#handlers[name] ?? [])]) {
      try {
        const result = handler(event);
        if (result instanceof Promise) result.catch(this.#report);
      } catch (error) {
        this.#report(error);
      }
    }
  }
}
