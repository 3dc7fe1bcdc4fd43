import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { until } from '../deadline.ts';
import { Child } from './child.ts';
import { freePort } from './free-port.ts';

/** A Redis server of the test's own: free port, temporary directory, gone afterwards. */
export interface RedisServer {
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  /** Where its files are. */
  readonly directory: string;
  /** What it wrote, the newest of it. */
  readonly output: string;
  /** SIGKILL, without removing its files: `restart` continues from them. */
  kill(): Promise<void>;
  /** SIGTERM, without removing its files. */
  shutdown(): Promise<void>;
  /** Starts again on the same port and files, after `kill` or `shutdown`. */
  restart(): Promise<void>;
  /** SIGSTOP: its kernel still accepts connections and bytes, nothing answers. */
  freeze(): void;
  /** SIGCONT. */
  thaw(): void;
  /** Ends it and removes its files. May be called twice. */
  stop(): Promise<void>;
}

export interface RedisOptions {
  /** Command-line options; they replace the defaults `--save '' --appendonly no`. */
  readonly args?: readonly string[];
  /** Lines of a configuration file, which the server may rewrite; instead of `args`. */
  readonly config?: readonly string[];
  readonly sentinel?: boolean;
  /** Default: a free one. */
  readonly port?: number;
}

const START_MS = 10_000;
const IN_MEMORY = ['--save', '', '--appendonly', 'no'];

export const redisBinary = (): string => process.env['REDIS_SERVER'] ?? '/usr/bin/redis-server';

export async function startRedis(options: RedisOptions = {}): Promise<RedisServer> {
  // Between finding a free port and using it somebody else may take it.
  for (let attempt = 1; ; attempt += 1) {
    const server = new Server(options, options.port ?? (await freePort()), await temporary());
    try {
      await server.restart();
      return server;
    } catch (error) {
      await server.stop();
      if (attempt === 5 || !server.output.includes('in use')) throw error;
    }
  }
}

const temporary = () => mkdtemp(join(tmpdir(), 'wscluster-redis-'));

class Server implements RedisServer {
  readonly port: number;
  readonly directory: string;
  readonly #options: RedisOptions;
  #child: Child | undefined;
  #written = false;

  constructor(options: RedisOptions, port: number, directory: string) {
    this.#options = options;
    this.port = port;
    this.directory = directory;
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  get pid(): number {
    return this.#child?.pid ?? -1;
  }

  get output(): string {
    return this.#child?.output ?? '';
  }

  async restart(): Promise<void> {
    const child = new Child({ command: redisBinary(), args: await this.#arguments() });
    this.#child = child;
    await until(
      async () => {
        if (child.exit !== undefined) throw new Error(`redis-server ended: ${child.output}`);
        return answersPing(this.port);
      },
      { for: `redis-server on port ${this.port} to answer`, deadlineMs: START_MS },
    );
  }

  async #arguments(): Promise<string[]> {
    const where = ['--port', String(this.port), '--bind', '127.0.0.1', '--dir', this.directory];
    const { config, args, sentinel } = this.#options;
    if (config === undefined) return [...where, ...(args ?? IN_MEMORY)];
    const file = join(this.directory, 'redis.conf');
    // A Sentinel rewrites its file; a restart must find what it wrote.
    if (!this.#written) await writeFile(file, `${config.join('\n')}\n`);
    this.#written = true;
    return [file, ...(sentinel === true ? ['--sentinel'] : []), ...where];
  }

  async kill(): Promise<void> {
    await this.#child?.end('SIGKILL');
  }

  async shutdown(): Promise<void> {
    await this.#child?.end('SIGTERM', 10_000);
  }

  freeze(): void {
    this.#child?.signal('SIGSTOP');
  }

  thaw(): void {
    this.#child?.signal('SIGCONT');
  }

  async stop(): Promise<void> {
    await this.kill();
    await rm(this.directory, { recursive: true, force: true });
  }
}

/** PONG, or a refusal that only a server that is up can give (loading is not up). */
function answersPing(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    const answer = (up: boolean) => {
      socket.destroy();
      resolve(up);
    };
    socket.setTimeout(500, () => answer(false));
    socket.once('error', () => answer(false));
    socket.once('close', () => answer(false));
    socket.once('connect', () => socket.write('PING\r\n'));
    socket.once('data', (data) =>
      answer(/^(\+PONG|-NOAUTH|-NOPERM)/.test(data.toString('latin1'))),
    );
  });
}
