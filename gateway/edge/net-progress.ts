import type { Socket as NetSocket } from 'node:net';

/**
 * Bytes that the kernel took of what was written to a socket. It sees into a large write too, which
 * Node counts as unsent until its end.
 */
export function progressOf(net: NetSocket): number {
  return net.bytesWritten - net.writableLength - unsentOfWrite(net);
}

/** What of the write under way is still unsent. Node keeps the number on the socket's handle. */
function unsentOfWrite(net: NetSocket): number {
  const { _handle: handle } = net as { _handle?: { readonly writeQueueSize?: number } | null };
  return handle?.writeQueueSize ?? 0;
}
