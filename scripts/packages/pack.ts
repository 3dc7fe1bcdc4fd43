import { execFileSync } from 'node:child_process';
import { join } from 'node:path';

const DEADLINE_MS = 120_000;

/** Packs the npm package in a folder, and returns where its tarball is: in that folder. */
export function pack(folder: string): string {
  const name = execFileSync('npm', ['pack', '--silent', '--offline'], {
    cwd: folder,
    encoding: 'utf8',
    timeout: DEADLINE_MS,
  });
  return join(folder, name.trim());
}
