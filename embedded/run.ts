import { once } from 'node:events';
import { Fleet } from './fleet.ts';
import { launcher } from './launch.ts';
import { type Options, parseOptions } from './options.ts';
import { bundlePage } from './page-bundle.ts';
import { PageServer } from './page-server.ts';

/** Exit codes: all is well; it failed while it ran; what was asked for cannot be done. */
const OK = 0;
const FAILED = 1;
const WRONG = 2;

/** A gateway that does not end within this is left behind. */
const STOP_MS = 5_000;

/** Runs embedded mode until a signal ends it; resolves to the exit code. */
export async function run(args: readonly string[]): Promise<number> {
  const parsed = parseOptions(args);
  switch (parsed.kind) {
    case 'help':
      process.stdout.write(parsed.text);
      return OK;
    case 'wrong':
      process.stderr.write(`${parsed.message}\n`);
      return WRONG;
    case 'run':
      return serve(parsed.options);
  }
}

async function serve(options: Options): Promise<number> {
  const store = options.redis === undefined ? 'memory' : 'redis';
  const launch = launcher(options);
  const fleet = new Fleet({ launch, basePort: options.port, store });
  const server = new PageServer(options.port, await bundlePage(), fleet);
  try {
    await listen(server, options);
    // A Redis that is just being started is waited for.
    if (store === 'redis') process.stdout.write('Connecting to Redis …\n');
    for (let id = 1; id <= options.gateways; id += 1) await startGateway(fleet, options, id);
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    await stop(server, fleet);
    return error instanceof PortTaken ? WRONG : FAILED;
  }
  process.stdout.write(greeting(options));
  await Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')]);
  // npm, the shell and a terminal may each pass on the same signal.
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => {});
  await stop(server, fleet);
  return OK;
}

/** One line: which port, and how to choose another. */
class PortTaken extends Error {}

async function listen(server: PageServer, { port }: Options): Promise<void> {
  try {
    await server.listen();
  } catch (error) {
    throw portTaken(error, `Port ${port} is taken`, port) ?? error;
  }
}

async function startGateway(fleet: Fleet, { port }: Options, id: number): Promise<void> {
  try {
    await fleet.start();
  } catch (error) {
    const taken = `Port ${port + id}, of gateway ${id} (the page's port + ${id}), is taken`;
    throw portTaken(error, taken, port) ?? error;
  }
}

function portTaken(error: unknown, taken: string, port: number): PortTaken | undefined {
  // A gateway's own error carries that of the system as its cause.
  const system = error instanceof Error ? (error.cause ?? error) : error;
  const isTaken = system instanceof Error && 'code' in system && system.code === 'EADDRINUSE';
  if (!isTaken) return undefined;
  const other = port + 1_000 <= 60_000 ? port + 1_000 : port - 1_000;
  return new PortTaken(`${taken}. Choose another for the page: npm start -- --port ${other}`);
}

async function stop(server: PageServer, fleet: Fleet): Promise<void> {
  const late = new Promise<void>((resolve) => setTimeout(resolve, STOP_MS).unref());
  await Promise.race([Promise.allSettled([server.close(), fleet.stop()]), late]);
}

function greeting({ port, gateways, redis }: Options): string {
  const ports = Array.from({ length: gateways }, (_, index) => port + index + 1);
  const [first = port + 1, second = first] = ports;
  const store = redis === undefined ? 'the memory stream' : 'Redis';
  const count = gateways === 1 ? '1 gateway' : `${gateways} gateways`;
  return `
  WsCluster: ${count} in one process, on ${store}

  Look      http://127.0.0.1:${port}/
  Gateways  ${ports.map((each) => `ws://127.0.0.1:${each}/ws`).join('  ')}
  Ring      curl http://127.0.0.1:${first}/v1/ring
  Listen    npx wscat -c 'ws://127.0.0.1:${first}/ws?topics=room.1&session=me'
  Publish   curl -d '{"topic":"room.1","data":{"hi":1}}' -H 'content-type: application/json' \\
              http://127.0.0.1:${second}/v1/publish

  Ctrl-C ends it.

`;
}
