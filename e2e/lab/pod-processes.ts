import { readdirSync, readFileSync } from 'node:fs';

/**
 * Processes of Node that run in the containers of a pod, by its uid: all nodes of a lab share the
 * kernel of this machine, which knows the pod by the names of its control groups.
 */
export function processesOfPod(uid: string): number[] {
  const names = [uid, uid.replaceAll('-', '_')];
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => read(pid, 'comm').startsWith('node'))
    .filter((pid) => names.some((name) => read(pid, 'cgroup').includes(name)))
    .map(Number);
}

function read(pid: string, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    // It is gone, and is nobody's.
    return '';
  }
}
