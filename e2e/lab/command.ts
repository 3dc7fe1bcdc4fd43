import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';

/** Running the machine's programs: each with a deadline, a bounded output and a telling error. */

export interface CommandOptions {
  /** Written to its standard input; default: it has none. */
  readonly input?: string;
  /** A file that is its standard input, instead. */
  readonly inputFile?: string;
  readonly cwd?: string;
  /** Added to the environment of this process. */
  readonly env?: Readonly<Record<string, string>>;
  /** Then it is killed, and has failed. Default: 60 s. */
  readonly deadlineMs?: number;
}

export interface Outcome {
  /** Null: it was killed, or could not be started; `stderr` says why. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

const DEADLINE_MS = 60_000;
/** What is kept of each stream, in characters: the newest. */
const OUTPUT_CHARACTERS = 4_194_304;
/** What an error shows of it. */
const TOLD_LINES = 12;

/** Its standard output. Throws with the last lines of what it said when it does not end with 0. */
export async function run(
  program: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<string> {
  const outcome = await attempt(program, args, options);
  if (outcome.code !== 0) throw new Error(failureOf(program, args, outcome));
  return outcome.stdout;
}

/** Whatever comes of it; never rejects. */
export function attempt(
  program: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<Outcome> {
  const deadlineMs = options.deadlineMs ?? DEADLINE_MS;
  const file = options.inputFile === undefined ? undefined : openSync(options.inputFile, 'r');
  return new Promise((resolve) => {
    const child = spawn(program, args, {
      cwd: options.cwd,
      env: { ...process.env, ...options.env },
      stdio: [file ?? 'pipe', 'pipe', 'pipe'],
      timeout: deadlineMs,
      killSignal: 'SIGKILL',
    });
    if (file !== undefined) closeSync(file);
    let [stdout, stderr] = ['', ''];
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      stdout = (stdout + text).slice(-OUTPUT_CHARACTERS);
    });
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      stderr = (stderr + text).slice(-OUTPUT_CHARACTERS);
    });
    child.on('error', (error) => resolve({ code: null, stdout, stderr: error.message }));
    child.on('close', (code, signal) => {
      const killed = signal === null ? '' : `\nended by ${signal}, ${deadlineMs} ms at most`;
      resolve({ code, stdout, stderr: stderr + killed });
    });
    // A program that ends without having read all of it is judged by its exit code.
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(options.input ?? '');
  });
}

function failureOf(program: string, args: readonly string[], outcome: Outcome): string {
  const said = lastLines(`${outcome.stdout}\n${outcome.stderr}`, TOLD_LINES);
  const command = [program, ...args].join(' ').slice(0, 300);
  return `${command} failed (${outcome.code ?? 'killed'}):\n${said}`;
}

export function lastLines(text: string, count: number): string {
  return text.trim().split('\n').slice(-count).join('\n');
}
