// `node scripts/run.mjs <entry.ts> [arguments]`: makes sure that what package-lock.json names is
// installed, then runs the entry with the Node that it brings. Plain JavaScript for Node 20 and
// later without any dependency, because it is what runs before anything is installed.

import { spawn } from 'node:child_process';
import {
  existsSync,
  linkSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const runtime = join(
  root,
  'node_modules',
  'node',
  'bin',
  process.platform === 'win32' ? 'node.exe' : 'node',
);
const lock = join(root, '.cache', 'install.lock');

/** Longest wait for an installation that another process has under way. */
const WAIT_MS = 15 * 60_000;

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'];

/** Node flags of an entry, as its image has them, and why: they cannot be set from inside. */
const FLAGS = {
  'gateway/main.ts': ['--max-semi-space-size=4'],
  'operator/main.ts': ['--optimize-for-size', '--no-turbofan', '--no-maglev'],
};

function readJson(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    if (error.code === 'ENOENT' || error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/**
 * Why an installation is needed, or undefined. npm writes node_modules/.package-lock.json as its
 * last act, so it tells what is completely installed, whoever ran npm.
 */
function installProblem() {
  const wanted = readJson(join(root, 'package-lock.json'))?.packages;
  if (wanted === undefined) throw new Error('package-lock.json is missing or damaged');
  const installed = readJson(join(root, 'node_modules', '.package-lock.json'))?.packages;
  if (installed === undefined) return 'nothing is installed yet';
  for (const [path, entry] of Object.entries(wanted)) {
    if (path === '' || entry.link) continue;
    const found = installed[path];
    // Packages for other machines are optional and absent.
    if (found === undefined && entry.optional) continue;
    if (path.startsWith('node_modules/') && found === undefined) return `${path} is missing`;
    if (found !== undefined && found.version !== entry.version) return `${path} is outdated`;
  }
  return existsSync(runtime) ? undefined : 'Node itself is missing';
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

/** Takes the lock, or returns the id of the process that holds it. */
function tryLock() {
  mkdirSync(dirname(lock), { recursive: true });
  const mine = `${lock}.${process.pid}`;
  writeFileSync(mine, String(process.pid));
  try {
    // A link appears together with its content, so nobody ever reads an empty lock.
    linkSync(mine, lock);
    return undefined;
  } catch (error) {
    if (error.code !== 'EEXIST') throw error;
  } finally {
    rmSync(mine, { force: true });
  }
  const holder = Number(readLock());
  if (holder > 0 && isAlive(holder)) return holder;
  breakLock(holder);
  return tryLock();
}

function readLock() {
  try {
    return readFileSync(lock, 'utf8');
  } catch (error) {
    if (error.code === 'ENOENT') return '';
    throw error;
  }
}

/** Moves the lock of a dead process away; puts it back if it had just become another's. */
function breakLock(dead) {
  const aside = `${lock}.broken.${process.pid}`;
  try {
    renameSync(lock, aside);
  } catch (error) {
    if (error.code === 'ENOENT') return;
    throw error;
  }
  if (Number(readFileSync(aside, 'utf8')) !== dead) {
    try {
      linkSync(aside, lock);
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
    }
  }
  rmSync(aside, { force: true });
}

const say = (line) => process.stderr.write(`${line}\n`);
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Reports a step that takes time: each second on a terminal, each ten into a file. */
function startProgress(step) {
  const started = Date.now();
  const seconds = () => Math.round((Date.now() - started) / 1000);
  const terminal = process.stderr.isTTY;
  process.stderr.write(terminal ? `${step} …` : `${step} …\n`);
  const timer = setInterval(
    () => process.stderr.write(terminal ? `\r${step} … ${seconds()} s` : `  … ${seconds()} s\n`),
    terminal ? 1_000 : 10_000,
  );
  return (outcome) => {
    clearInterval(timer);
    process.stderr.write(`${terminal ? `\r${step} … ` : '  '}${outcome} after ${seconds()} s\n`);
  };
}

/** npm as it was started, or the one on the path. */
function npmCommand() {
  const script = process.env.npm_execpath;
  if (script?.endsWith('npm-cli.js')) return [process.execPath, script];
  return [process.platform === 'win32' ? 'npm.cmd' : 'npm'];
}

function npmInstall() {
  const [program, ...before] = npmCommand();
  const args = [...before, 'ci', '--include=dev', '--no-audit', '--no-fund', '--loglevel=warn'];
  return new Promise((resolve) => {
    const child = spawn(program, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
    const output = [];
    // An interrupted npm is waited for, so that it never works on without the lock.
    for (const signal of SIGNALS) process.on(signal, () => child.kill(signal));
    child.stdout.on('data', (chunk) => output.push(chunk));
    child.stderr.on('data', (chunk) => output.push(chunk));
    child.on('error', (error) => resolve({ ok: false, output: `${program}: ${error.message}` }));
    child.on('close', (code) =>
      resolve({ ok: code === 0, output: Buffer.concat(output).toString('utf8').trim() }),
    );
  });
}

async function install(why) {
  say(`Installing what package-lock.json names, because ${why}.`);
  const done = startProgress('npm ci');
  const { ok, output } = await npmInstall();
  done(ok ? 'done' : 'failed');
  if (!ok) throw new Error(`npm ci failed:\n${output}`);
  const problem = installProblem();
  if (problem !== undefined) throw new Error(`npm ci ended well and yet ${problem}.\n${output}`);
}

/** Only one process installs; the others wait for it and then look again. */
async function ensureInstalled() {
  const deadline = Date.now() + WAIT_MS;
  let told = false;
  for (;;) {
    if (installProblem() === undefined && !existsSync(lock)) return;
    const holder = tryLock();
    if (holder === undefined) break;
    if (!told) say(`Waiting for process ${holder}, which is installing.`);
    told = true;
    if (Date.now() > deadline) throw new Error(`process ${holder} still holds ${lock}`);
    await pause(200);
  }
  try {
    const why = installProblem();
    if (why !== undefined) await install(why);
  } finally {
    rmSync(lock, { force: true });
  }
}

/** npm passes a signal on to a shell that ends without passing it on to us. */
function followParent(onGone) {
  const parent = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(timer);
    onGone();
  }, 500);
  timer.unref();
}

/** Runs the entry as this process would: same terminal, same signals, same end. */
function runEntry(entry, args) {
  const child = spawn(runtime, [...(FLAGS[entry] ?? []), join(root, entry), ...args], {
    stdio: 'inherit',
    env: {
      // What one process compiled, types stripped, the next ones load: half the work of a start.
      NODE_COMPILE_CACHE: join(root, '.cache', 'compiled'),
      ...process.env,
      PATH: `${join(root, 'node_modules', '.bin')}:${process.env.PATH}`,
    },
  });
  const forward = (signal) => child.kill(signal);
  for (const signal of SIGNALS) process.on(signal, forward);
  if (process.env.npm_lifecycle_event !== undefined) followParent(() => forward('SIGTERM'));
  child.on('error', (error) => {
    say(`Cannot run ${runtime}: ${error.message}`);
    process.exit(1);
  });
  child.on('exit', (code, signal) => {
    process.exit(code ?? 128 + constants.signals[signal]);
  });
}

const [entry, ...args] = process.argv.slice(2);
if (entry === undefined) {
  say('Usage: node scripts/run.mjs <entry.ts> [arguments]');
  process.exit(2);
}
try {
  await ensureInstalled();
} catch (error) {
  say(`Cannot install: ${error.message}`);
  process.exit(1);
}
runEntry(entry, args);
