/** What the processes of a measurement say to each other. */

/** To the gateway, which answers each with its `Usage`. */
export type Order =
  | { readonly order: 'usage' }
  /** Collects garbage first, so that memory is what is held and nobody pays for what was before. */
  | { readonly order: 'collect' }
  /** The baseline: one `socket.write` of the same bytes to every socket, and nothing else. */
  | { readonly order: 'write'; readonly frame: string };

export interface Usage {
  /** Microseconds of this process, user and system. */
  readonly cpu: number;
  readonly rss: number;
  readonly sockets: number;
}

/** From the receivers. */
export type ReceiversSay =
  | { readonly ready: number }
  | { readonly messages: number; readonly bytes: number }
  | { readonly lost: number };
