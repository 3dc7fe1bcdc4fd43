import { relative } from 'node:path';
import { run } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { inspect } from 'node:util';
import { isLate } from './late.ts';

/** What happens during a run, reduced to what a report needs. */
export type TestEvent =
  | { readonly kind: 'start'; readonly name: string; readonly nesting: number }
  | (Settled & { readonly kind: 'passed' })
  | (Settled & { readonly kind: 'skipped'; readonly reason: string })
  /** `late`: for time alone. */
  | (Settled & { readonly kind: 'failed'; readonly error: string; readonly late: boolean })
  | { readonly kind: 'output'; readonly file: string; readonly text: string }
  /** A test passed or not, and somebody must know this besides. */
  | { readonly kind: 'warning'; readonly file: string; readonly text: string }
  /** A file failed for time alone, and runs again later. */
  | { readonly kind: 'late'; readonly file: string; readonly errors: readonly string[] }
  /** `problem`: the file itself failed, apart from its tests. */
  | {
      readonly kind: 'file-ended';
      readonly file: string;
      readonly durationMs: number;
      readonly problem?: string;
    };

interface Settled {
  readonly file: string;
  readonly name: string;
  readonly nesting: number;
}

/** What node:test reports, as far as it is read here. */
interface RawEvent {
  readonly type: string;
  readonly data: {
    readonly name?: string;
    readonly nesting?: number;
    readonly file?: string;
    /** Absent on the event that stands for a whole file. */
    readonly entryFile?: string;
    readonly message?: string;
    readonly skip?: string | boolean;
    readonly todo?: string | boolean;
    readonly details?: {
      readonly type?: string;
      readonly error?: unknown;
    };
  };
}

export interface RunOptions {
  readonly root: string;
  /** The longest first. */
  readonly files: readonly string[];
  readonly atOnce: AtOnce;
  /** Longest time of one file; then its process is killed and the file has failed. */
  readonly fileDeadlineMs: number;
}

/** How many files run at a time: more than `least` where processors would have nothing to do. */
export interface AtOnce {
  readonly least: number;
  readonly most: number;
  /** Files of which fewer run at a time: they would keep each other waiting. Default: none. */
  readonly heavy?: { readonly is: (file: string) => boolean; readonly most: number };
  /** Share of the processors' time that nobody used of late, 0 to 1. */
  readonly idle: () => number;
}

/** What a diagnostic of a test begins with that must be seen even where all is well. */
export const WARNING = 'warning: ';

/** Files that may run again; more of them are no accident. */
const MOST_LATE = 3;

/** A file more takes less than half a processor of two, most of the time. */
const ROOM = 0.2;
/** Whoever has work to do waits for a processor. */
const FULL = 0.05;
/** A file that was begun shows in the processors' time by then. */
const LOOK_MS = 500;

/**
 * Runs each file in a process of its own. `onEvent` hears of one file after the other. One that
 * fails for time alone runs once more when all others have ended, and only that run counts: beside
 * others it may have been kept waiting. What an assertion refuses is refused.
 */
export async function runTests(
  options: RunOptions,
  onEvent: (event: TestEvent) => void,
): Promise<void> {
  const running = new Map<string, Promise<void>>();
  const late: FileRun[] = [];
  const begin = (file: string) => {
    const run = runFile(file, options).then((ended) => {
      running.delete(file);
      const errors = latenessOf(ended);
      if (errors.length > 0) {
        late.push(ended);
        onEvent({ kind: 'late', file: relative(options.root, file), errors });
      } else ended.events.forEach(onEvent);
    });
    running.set(file, run);
  };
  const waiting = [...options.files];
  const level = new Level(options.atOnce);
  while (waiting.length > 0) {
    await room(running, level);
    const next = nextOf(waiting, running, options.atOnce);
    if (next === undefined) await Promise.race(running.values());
    else begin(next);
  }
  await Promise.all(running.values());
  const again = late.length <= MOST_LATE;
  for (const first of late) {
    const counted = again ? await runFile(first.file, options) : first;
    counted.events.forEach(onEvent);
  }
}

/** A file's events, and whether it was killed because it did not end. */
interface FileRun {
  readonly file: string;
  readonly events: readonly TestEvent[];
  readonly killed: boolean;
}

/** Why a file failed, where it was for time alone; else nothing. */
function latenessOf({ events, killed }: FileRun): string[] {
  const failures = events.filter((event) => event.kind === 'failed');
  if (failures.some(({ late }) => !late)) return [];
  const errors = failures.map(({ name, error }) => `${name}: ${error}`);
  return killed ? [...errors, 'It did not end in time.'] : errors;
}

/** Takes the first out that may run beside those that do; undefined: none may. */
function nextOf(
  waiting: string[],
  running: ReadonlyMap<string, unknown>,
  { heavy = { is: () => false, most: 0 } }: AtOnce,
): string | undefined {
  const full = [...running.keys()].filter(heavy.is).length >= heavy.most;
  const index = waiting.findIndex((file) => !full || !heavy.is(file));
  return index === -1 ? undefined : waiting.splice(index, 1)[0];
}

/** How many may run now: one more while processors are idle, one less while they are not at all. */
class Level {
  readonly #atOnce: AtOnce;
  #now: number;
  #looked = performance.now();

  constructor(atOnce: AtOnce) {
    this.#atOnce = atOnce;
    this.#now = atOnce.least;
  }

  get now(): number {
    return this.#now;
  }

  look(): void {
    if (performance.now() - this.#looked < LOOK_MS) return;
    this.#looked = performance.now();
    const { least, most, idle } = this.#atOnce;
    const unused = idle();
    if (unused >= ROOM) this.#now = Math.min(this.#now + 1, most);
    else if (unused < FULL) this.#now = Math.max(this.#now - 1, least);
  }
}

async function room(running: ReadonlyMap<string, Promise<void>>, level: Level): Promise<void> {
  level.look();
  while (running.size >= level.now) {
    await Promise.race([...running.values(), pause(LOOK_MS)]);
    level.look();
  }
}

async function runFile(file: string, options: RunOptions): Promise<FileRun> {
  const started = performance.now();
  const deadline = new AbortController();
  const timer = setTimeout(() => deadline.abort(), options.fileDeadlineMs);
  const raw = run({
    files: [file],
    concurrency: false,
    cwd: options.root,
    signal: deadline.signal,
  }) as AsyncIterable<RawEvent>;
  const events: TestEvent[] = [];
  let problem: string | undefined;
  for await (const event of raw) {
    if (isWholeFile(event)) problem = problemOf(event) ?? problem;
    else events.push(...translate(event, options.root));
  }
  clearTimeout(timer);
  const killed = deadline.signal.aborted;
  if (killed) problem = `It did not end within ${options.fileDeadlineMs} ms.`;
  events.push({
    kind: 'file-ended',
    file: relative(options.root, file),
    durationMs: performance.now() - started,
    ...(problem !== undefined && { problem }),
  });
  return { file, events, killed };
}

/** The runner also reports each file as if it were a test. */
function isWholeFile({ type, data }: RawEvent): boolean {
  return (type === 'test:pass' || type === 'test:fail') && data.entryFile === undefined;
}

function problemOf({ type, data }: RawEvent): string | undefined {
  return type === 'test:fail' ? errorText(data.details?.error) : undefined;
}

function* translate({ type, data }: RawEvent, root: string): Generator<TestEvent> {
  const file = relative(root, data.entryFile ?? data.file ?? '');
  const name = data.name ?? '';
  const nesting = data.nesting ?? 0;
  if (type === 'test:start') yield { kind: 'start', name, nesting };
  if (type === 'test:stdout' || type === 'test:stderr') {
    yield { kind: 'output', file, text: data.message ?? '' };
  }
  if (type === 'test:diagnostic' && data.message?.startsWith(WARNING)) {
    yield { kind: 'warning', file, text: data.message.slice(WARNING.length) };
  }
  if (type !== 'test:pass' && type !== 'test:fail') return;
  const outcome = settle(type, data);
  if (outcome !== undefined) yield { file, name, nesting, ...outcome };
}

type Outcome =
  | { readonly kind: 'passed' }
  | { readonly kind: 'skipped'; readonly reason: string }
  | { readonly kind: 'failed'; readonly error: string; readonly late: boolean };

function settle(type: string, data: RawEvent['data']): Outcome | undefined {
  const suite = data.details?.type === 'suite';
  const excuse = data.skip ?? data.todo;
  if (excuse !== undefined && excuse !== false) {
    return { kind: 'skipped', reason: excuse === true ? 'no reason given' : excuse || 'no reason' };
  }
  if (type === 'test:pass') return suite ? undefined : { kind: 'passed' };
  const error = data.details?.error;
  // A parent that failed only because of its children, which were reported themselves.
  if (failureType(error) === 'subtestsFailed') return undefined;
  return { kind: 'failed', error: errorText(error), late: isLate(error) };
}

function failureType(error: unknown): unknown {
  return typeof error === 'object' && error !== null && 'failureType' in error
    ? error.failureType
    : undefined;
}

/** The error that the test threw, without the wrapper that node:test puts around it. */
function errorText(error: unknown): string {
  const cause = error instanceof Error ? (error.cause ?? error) : error;
  return typeof cause === 'string' ? cause : inspect(cause, { depth: 6 });
}
