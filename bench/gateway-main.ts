import { subscribe } from 'node:diagnostics_channel';
import type { Socket } from 'node:net';
import { Gateway } from '../gateway/gateway.ts';
import { silentLogger } from '../gateway/logger.ts';
import { settingsFrom } from '../gateway/settings/load.ts';
import { systemClock } from '../protocol/clock.ts';
import type { Order, Usage } from './messages.ts';

/**
 * A gateway in a process of its own, with a look at its accounts and at its sockets:
 *
 *     node --expose-gc bench/gateway-main.ts <port> <adminPort> <redisUrl | memory> [proxy]
 *
 * `proxy`: it passes clients on, by the `room` in their URL.
 */

const [port, adminPort, redis, proxy] = process.argv.slice(2);
const sockets = new Set<Socket>();

subscribe('net.server.socket', (message) => {
  const { socket } = message as { socket: Socket };
  if (socket.localPort !== Number(port)) return;
  sockets.add(socket);
  socket.once('close', () => sockets.delete(socket));
});

process.on('message', (message: Order) => {
  if (message.order === 'write') write(textFrame(message.frame));
  if (message.order === 'collect') globalThis.gc?.();
  process.send?.(usage());
});
process.on('disconnect', () => process.exit(0));

function usage(): Usage {
  const { user, system } = process.cpuUsage();
  return { cpu: user + system, rss: process.memoryUsage.rss(), sockets: sockets.size };
}

function write(frame: Buffer): void {
  for (const socket of sockets) socket.write(frame);
}

/** An unmasked text frame below 64 KiB. */
function textFrame(text: string): Buffer {
  const payload = Buffer.from(text);
  const header = payload.length > 125 ? Buffer.alloc(4) : Buffer.alloc(2);
  header[0] = 0x81;
  header[1] = payload.length > 125 ? 126 : payload.length;
  if (payload.length > 125) header.writeUInt16BE(payload.length, 2);
  return Buffer.concat([header, payload]);
}

const gateway = new Gateway(
  settingsFrom({
    pod: `bench-${port}`,
    port: Number(port),
    adminPort: Number(adminPort),
    // So rare that no ping falls into a measurement, on either side.
    edge: { heartbeatMs: 300_000, maxConnections: 19_000 },
    ...(proxy === undefined ? {} : { placement: { mode: 'Proxy', key: 'query:room' } }),
    ...(redis === 'memory' ? {} : { redis: { url: redis } }),
  }),
  { clock: systemClock, random: Math.random, logger: silentLogger },
);
await gateway.start();
process.send?.(usage());
