import { spawn, spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/** A program of the machine that tests use, and the Debian package that brings it. */
export interface Need {
  readonly name: string;
  readonly packages: readonly string[];
  /** What lacks when it is absent, for the report. */
  readonly without: string;
  isPresent(): boolean;
}

export const needs: readonly Need[] = [
  {
    name: 'redis-server',
    packages: ['redis-server'],
    without: 'the suites on a real Redis are skipped',
    // It is its own Sentinel.
    isPresent: () => isThere(process.env['REDIS_SERVER'], 'redis-server'),
  },
  {
    name: 'openssl',
    packages: ['openssl'],
    without: 'Redis and Sentinel over TLS are skipped',
    isPresent: () => onPath('openssl'),
  },
  {
    name: 'ip',
    packages: ['iproute2', 'procps'],
    without: 'the fault row through a network that loses packets is skipped',
    isPresent: () => onPath('ip') && onPath('sysctl'),
  },
  {
    name: 'chromium',
    packages: ['chromium', 'fonts-liberation'],
    without: 'the suites in a browser are skipped',
    isPresent: () => isThere(process.env['CHROMIUM'], 'chromium'),
  },
  {
    name: 'python3 with venv',
    packages: ['python3-venv'],
    without: 'the client written in Python is skipped',
    isPresent: () => spawnSync('python3', ['-c', 'import ensurepip']).status === 0,
  },
  {
    name: 'prometheus',
    packages: ['prometheus'],
    without: 'alerts and dashboard are not tried on a real Prometheus',
    isPresent: () => onPath('prometheus') && onPath('promtool'),
  },
];

/** What the environment names counts, and nothing else then. */
function isThere(path: string | undefined, name: string): boolean {
  return path === undefined ? onPath(name) : isExecutable(path);
}

export function onPath(name: string): boolean {
  // A shell of an ordinary user often lacks the sbin folders, where servers may be.
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/usr/bin'];
  return folders.some((folder) => isExecutable(join(folder, name)));
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

export interface Installer {
  /** Why nothing can be installed here, or undefined. */
  readonly problem: string | undefined;
  /** Refreshes the list of packages. Resolves to what went wrong, or undefined. */
  update(): Promise<string | undefined>;
  /** Installs; resolves to what went wrong, or undefined. */
  install(packages: readonly string[]): Promise<string | undefined>;
}

/** Debian's apt-get, where this process may use it. */
export function aptGet(): Installer {
  return {
    problem: aptProblem(),
    update: () => runApt(['update']),
    install: (packages) => runApt(['install', '-y', '--no-install-recommends', ...packages]),
  };
}

function aptProblem(): string | undefined {
  if (!onPath('apt-get')) return 'this machine has no apt-get';
  if (process.getuid?.() !== 0) return 'this user is not root';
  return undefined;
}

const APT_DEADLINE_MS = 10 * 60_000;

/** Keeps a package's own start scripts from starting a Redis on the default port. */
const APT_ENVIRONMENT = { DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' };

function runApt(args: readonly string[]): Promise<string | undefined> {
  return new Promise((resolve) => {
    const child = spawn('apt-get', ['-q', ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...APT_ENVIRONMENT },
      timeout: APT_DEADLINE_MS,
    });
    let output = '';
    const keep = (chunk: Buffer) => {
      output = (output + chunk.toString('utf8')).slice(-2_000);
    };
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    child.on('error', (error) => resolve(error.message));
    child.on('close', (code) => {
      resolve(code === 0 ? undefined : (lastLine(output) ?? `apt-get ended with ${code}`));
    });
  });
}

function lastLine(text: string): string | undefined {
  return text.trim().split('\n').at(-1) || undefined;
}

/**
 * Installs what is absent. Resolves to one line for each need that is absent still: the tests
 * that have it skip themselves.
 */
export async function meetNeeds(
  wanted: readonly Need[],
  installer: Installer,
  say: (line: string) => void,
): Promise<string[]> {
  const absent = wanted.filter((need) => !need.isPresent());
  if (absent.length === 0) return [];
  let problem = installer.problem;
  if (problem === undefined) {
    say('apt-get update …');
    problem = await installer.update();
    // An old list of packages may still do.
    if (problem !== undefined) say(`  failed: ${problem}`);
    problem = undefined;
  }
  const lacking: string[] = [];
  for (const need of absent) {
    const failure = problem ?? (await installOne(need, installer, say));
    if (failure !== undefined) lacking.push(`${need.name} is absent (${failure}): ${need.without}`);
  }
  return lacking;
}

async function installOne(
  need: Need,
  installer: Installer,
  say: (line: string) => void,
): Promise<string | undefined> {
  const started = performance.now();
  say(`apt-get install ${need.packages.join(' ')} …`);
  const failure = await installer.install(need.packages);
  const seconds = Math.round((performance.now() - started) / 1000);
  if (failure !== undefined) {
    say(`  failed after ${seconds} s: ${failure}`);
    return failure;
  }
  say(`  done after ${seconds} s`);
  return need.isPresent() ? undefined : 'installed, and yet not found';
}
