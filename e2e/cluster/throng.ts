import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { until } from '../deadline.ts';

/** Comes back whenever it is turned away, until it is told to go; says each time that it was. */
const SCRIPT = `const [url, count] = process.argv.slice(1);
let open = 0;
const come = () => {
  const socket = new WebSocket(url);
  let here = false;
  socket.onopen = () => { here = true; open += 1; if (open === Number(count)) console.log('all'); };
  socket.onerror = () => {};
  socket.onclose = () => {
    if (here) { open -= 1; console.log('lost'); }
    setTimeout(come, 100 + 400 * Math.random());
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
  static async start(pid: number | undefined, url: string, count: number): Promise<Throng> {
    const within = ['nsenter', `--net=/proc/${pid}/ns/net`, '--'];
    const program = [process.execPath, '-e', SCRIPT, url, String(count)];
    const child = spawn('setpriv', ['--pdeathsig', 'KILL', ...within, ...program], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const throng = new Throng(child);
    createInterface({ input: child.stdout }).on('line', (line) => {
      if (line === 'all') throng.#all = true;
      else throng.#lost += 1;
    });
    await until(() => throng.#all, {
      for: `${count} clients to be connected`,
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
