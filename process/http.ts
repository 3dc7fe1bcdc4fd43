/**
 * Node's HTTP. An `import` of node:http makes a facade of all that it exports, and for that loads
 * undici: 50 ms of processor time at every start (Node 26.10), 16 MB in a process that does nothing
 * else, 2 MB in a gateway.
 */
export const { Agent, createServer, IncomingMessage, request, STATUS_CODES } =
  process.getBuiltinModule('node:http');
