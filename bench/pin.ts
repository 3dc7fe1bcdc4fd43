import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

/**
 * Gives the server under test a core of its own, and this process another one, where the machine
 * has two and util-linux is there: otherwise each evicts the other's caches, and the side that does
 * more between two calls makes the server look slower. False: it could not be done.
 */
export async function onOwnCore(serverPid: number): Promise<boolean> {
  try {
    await run('taskset', ['-apc', '0', String(serverPid)]);
    await run('taskset', ['-apc', '1', String(process.pid)]);
    return true;
  } catch {
    // One core, another system, or no permission: the figures are noisier, and say so.
    return false;
  }
}
