/**
 * Where a subscriber is in a topic: everything up to and including `seq` of `epoch` was seen.
 *
 * Written `epoch:seq@confirmed`, for example `a8Xk2p:1042@1767225600`.
 */
export interface Position {
  /** One unbroken history of a topic. A new one starts at birth and after a failover. */
  readonly epoch: string;
  /** Dense number of a message in its topic, from 1. 0: before the first. */
  readonly seq: number;
  /** Redis second at which `seq` was last known to be the head of the topic, or at which the
   * message was published. */
  readonly confirmed: number;
}

const EPOCH = /^[0-9A-Za-z_-]{1,32}$/;
const POSITION = /^([0-9A-Za-z_-]{1,32}):(0|[1-9][0-9]{0,15})@(0|[1-9][0-9]{0,10})$/;

export function isEpoch(text: string): boolean {
  return EPOCH.test(text);
}

export function formatPosition({ epoch, seq, confirmed }: Position): string {
  return `${epoch}:${seq}@${confirmed}`;
}

/** The position, or undefined when `text` is not one. */
export function parsePosition(text: unknown): Position | undefined {
  if (typeof text !== 'string') return undefined;
  const match = POSITION.exec(text);
  if (match === null) return undefined;
  const seq = Number(match[2]);
  if (!Number.isSafeInteger(seq)) return undefined;
  return { epoch: match[1] as string, seq, confirmed: Number(match[3]) };
}
