/** What the client needs of a WebSocket: browsers' and Node's have it, and that of `ws`. */
export interface SocketLike {
  send(text: string): void;
  close(code?: number, reason?: string): void;
  onopen: ((event: never) => void) | null;
  /** The event has `data`: a string for a text frame. */
  onmessage: ((event: never) => void) | null;
  /** The event has `code` and `reason`. Follows every error. */
  onclose: ((event: never) => void) | null;
  onerror: ((event: never) => void) | null;
}

/** Opens a WebSocket and offers the subprotocols. May throw. */
export type SocketFactory = (url: string, protocols: string[]) => SocketLike;

/** The WebSocket of the browser, or of Node 22 and later. */
export const globalSocket: SocketFactory | undefined =
  typeof WebSocket === 'function' ? (url, protocols) => new WebSocket(url, protocols) : undefined;

/** What the platform tells of itself. */
export interface PlatformListener {
  /** It may have slept, or its network may have changed. */
  onWake(): void;
  /** There is a network again. */
  onOnline(): void;
  /** This may be the last moment in which code runs. */
  onHide(): void;
}

/** Starts to tell a listener; returns what stops it. */
export type Platform = (listener: PlatformListener) => () => void;

interface Scope {
  readonly addEventListener?: EventTarget['addEventListener'];
  readonly removeEventListener?: EventTarget['removeEventListener'];
  readonly document?: EventTarget & { readonly visibilityState: string };
}

/** A page's life: network, visibility, freezing. In Node there is none, and nothing is told. */
export function pagePlatform(scope: Scope = globalThis): Platform {
  return (listener) => {
    const controller = new AbortController();
    const { document } = scope;
    const on = (target: Scope | EventTarget | undefined, name: string, tell: () => void) =>
      target?.addEventListener?.(name, tell, { signal: controller.signal });
    const wake = () => listener.onWake();
    const hide = () => listener.onHide();
    on(scope, 'online', () => listener.onOnline());
    // Browsers say `offline` when they are not sure, too: the probe finds out.
    on(scope, 'offline', wake);
    on(scope, 'pageshow', wake);
    on(scope, 'pagehide', hide);
    on(document, 'resume', wake);
    on(document, 'freeze', hide);
    on(document, 'visibilitychange', () =>
      document?.visibilityState === 'hidden' ? hide() : wake(),
    );
    return () => controller.abort();
  };
}
