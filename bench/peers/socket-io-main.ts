import { once } from 'node:events';
import { Server } from 'socket.io';
import { createServer } from '../../process/http.ts';
import { obey } from './orders.ts';

/**
 * Socket.IO, `node socket-io-main.ts <port>`: everybody is in one room, and can come back to what
 * was missed (`connectionStateRecovery`), as a gateway's clients can.
 */

/** So rare that no ping falls into a measurement. */
const PING_MS = 300_000;

const http = createServer();
const io = new Server(http, {
  pingInterval: PING_MS,
  transports: ['websocket'],
  connectionStateRecovery: {},
});
// As its documentation has it for who has many: the upgrade request is not kept.
io.engine.on('connection', (raw: { request: unknown }) => {
  raw.request = null;
});
io.on('connection', (socket) => socket.join('room'));
http.listen(Number(process.argv[2]), '127.0.0.1');
await once(http, 'listening');

await obey({
  publish: (data) => io.to('room').emit('room', data),
  connections: () => io.engine.clientsCount,
});
process.exit(0);
