import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { until } from '../deadline.ts';

/**
 * Comes back whenever it is turned away, until it is told to go; says each time that it was. With
 * topics it goes on in them from the positions that it was told, on whichever gateway.
 */
const SCRIPT = `const [url, count, ...topics] = process.argv.slice(1);
let open = 0;
const wanted = (positions) => topics.map((topic) => ({ topic, position: positions.get(topic) }));
const come = (positions = new Map()) => {
  const socket = new WebSocket(url, topics.length === 0 ? [] : ['wscluster.v1']);
  const say = (command) => socket.send(JSON.stringify(command));
  let here = false;
  socket.onopen = () => {
    here = true;
    open += 1;
    if (open === Number(count)) console.log('all');
    if (topics.length > 0) say({ type: 'hello', id: 1 });
  };
  socket.onmessage = ({ data }) => {
    const { type, topic, topics: told = [], position } = JSON.parse(data);
    if (type === 'welcome') say({ type: 'sub', id: 2, topics: wanted(positions) });
    if (type === 'subbed') for (const one of told) positions.set(one.topic, one.position);
    if (type === 'gap') positions.set(topic, position);
  };
  socket.onerror = () => {};
  socket.onclose = () => {
    if (here) { open -= 1; console.log('lost'); }
    setTimeout(come, 100 + 400 * Math.random(), positions);
  };
};
for (let n = 0; n < Number(count); n += 1) come();`;

/** Plain clients in the network of a lab, who say nothing and are judged by nobody. */
export class Throng {
  readonly #process: ChildProcess;
  #all = false;
  #lost = 0;

  private constructor(child: ChildProcess) {
    this.#process = child;
  }

  /** Resolves when all are connected. `pid`: whose network it is in. */
  static start(pid: number | undefined, url: string, count: number): Promise<Throng> {
    return Throng.#start(pid, [url, String(count)]);
  }

  /** As `start`, with clients that subscribe to topics and resume in them. */
  static resuming(
    pid: number | undefined,
    url: string,
    { count, topics }: { readonly count: number; readonly topics: readonly string[] },
  ): Promise<Throng> {
    return Throng.#start(pid, [url, String(count), ...topics]);
  }

  static async #start(pid: number | undefined, args: readonly string[]): Promise<Throng> {
    const within = ['nsenter', `--net=/proc/${pid}/ns/net`, '--'];
    const program = [process.execPath, '-e', SCRIPT, ...args];
    const child = spawn('setpriv', ['--pdeathsig', 'KILL', ...within, ...program], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const throng = new Throng(child);
    createInterface({ input: child.stdout }).on('line', (line) => {
      if (line === 'all') throng.#all = true;
      else throng.#lost += 1;
    });
    await until(() => throng.#all, {
      for: `${args[1]} clients to be connected`,
      deadlineMs: 60_000,
    });
    return throng;
  }

  /** How often one of them was cut off, and came back. */
  get lost(): number {
    return this.#lost;
  }

  /** All at once; resolves when they are gone. */
  async leave(): Promise<void> {
    const child = this.#process;
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  }
}
