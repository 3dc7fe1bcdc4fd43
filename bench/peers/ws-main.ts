import { once } from 'node:events';
import { WebSocket, WebSocketServer } from 'ws';
import { FRAME } from '../message.ts';
import { obey } from './orders.ts';

/**
 * What everybody writes first, `node ws-main.ts <port>`: a server of `ws`, and a loop over its
 * clients. It knows no topics, and remembers nothing.
 */

const server = new WebSocketServer({ host: '127.0.0.1', port: Number(process.argv[2]) });
server.on('connection', (socket) => socket.send('{"type":"welcome"}'));
await once(server, 'listening');

await obey({
  publish(data) {
    // In the frame of a gateway, so that both send as much.
    const text = JSON.stringify({ ...(JSON.parse(FRAME) as object), data });
    for (const socket of server.clients) {
      if (socket.readyState === WebSocket.OPEN) socket.send(text);
    }
  },
  connections: () => server.clients.size,
});
process.exit(0);
