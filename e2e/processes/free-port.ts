import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';

/** Below the ports that the kernel gives to outgoing connections, which come and go. */
const PORTS = { from: 12_000, count: 20_000 };
const PORT_TRIES = 50;

/** One of `freePorts`. */
export const freePort = (): Promise<number> => freePorts(1);

/**
 * The first of so many ports in a row that nothing listens on, and that nobody else who asks gets
 * while this process lives: who has them listens some time later, and other test files look for
 * theirs meanwhile.
 */
export async function freePorts(count: number): Promise<number> {
  for (let attempt = 0; attempt < PORT_TRIES; attempt += 1) {
    const first = PORTS.from + Math.floor(Math.random() * (PORTS.count - count + 1));
    const all = Array.from({ length: count }, (_, index) => first + index);
    const mine = await Promise.all(all.map(async (port) => (await reserve(port)) && isFree(port)));
    if (mine.every((isMine) => isMine)) return first;
  }
  throw new Error(`no ${count} free ports in a row in ${PORT_TRIES} tries`);
}

/** The UDP port of that number, which nothing else here uses, tells the others. */
function reserve(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createSocket('udp4');
    socket.once('error', () => resolve(false));
    socket.bind({ port, address: '127.0.0.1', exclusive: true }, () => {
      socket.unref();
      resolve(true);
    });
  });
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
