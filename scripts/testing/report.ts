import type { TestEvent } from './runner.ts';

/** One test that did not pass, ready to be shown. */
interface Shortfall {
  readonly file: string;
  readonly test: string;
  readonly detail: string;
}

interface FileNotes {
  passed: number;
  failed: number;
  skipped: number;
  output: string;
}

/** Output of one test file that is kept for the case that it fails, in characters. */
const OUTPUT_LIMIT = 16_384;

/**
 * Turns the events of a test run into one line per file, failures in full at once, and at the end
 * the list of skips, what tests warn of, and the totals. A file that ran no test has failed; so has
 * a skipped test where skips are failures.
 */
export class Report {
  readonly #files = new Map<string, FileNotes>();
  readonly #skips: Shortfall[] = [];
  readonly #warnings: string[] = [];
  readonly #path: string[] = [];
  readonly #write: (line: string) => void;
  readonly #skipsFail: boolean;
  #passed = 0;
  #failed = 0;
  #skipped = 0;

  constructor(write: (line: string) => void, { skipsFail }: { readonly skipsFail: boolean }) {
    this.#write = write;
    this.#skipsFail = skipsFail;
  }

  get failed(): number {
    return this.#failed;
  }

  on(event: TestEvent): void {
    switch (event.kind) {
      case 'output':
        this.#keepOutput(event.file, event.text);
        return;
      case 'warning':
        this.#warnings.push(`! ${event.file}: ${event.text}`);
        return;
      case 'late':
        this.#late(event);
        return;
      case 'start':
        this.#path.length = event.nesting;
        this.#path[event.nesting] = event.name;
        return;
      case 'passed':
      case 'skipped':
      case 'failed':
        this.#settle(event);
        return;
      case 'file-ended':
        this.#endFile(event);
        return;
    }
  }

  /** The last words; the last line is exactly the totals. */
  finish(seconds: number, lacking: readonly string[]): void {
    if (this.#skips.length > 0) this.#write(`\nSkipped:`);
    for (const { file, test, detail } of this.#skips) {
      this.#write(`  ${file}: ${test}: ${detail}`);
    }
    for (const line of lacking) this.#write(`! ${line}`);
    for (const line of this.#warnings) this.#write(line);
    this.#write(`\n${this.#files.size} files in ${seconds.toFixed(1)} s`);
    const skips = this.#skipped > 0 ? `, ${this.#skipped} skipped` : '';
    this.#write(`${this.#passed} passed, ${this.#failed} failed${skips}`);
  }

  #notes(file: string): FileNotes {
    let notes = this.#files.get(file);
    if (notes === undefined) {
      notes = { passed: 0, failed: 0, skipped: 0, output: '' };
      this.#files.set(file, notes);
    }
    return notes;
  }

  #keepOutput(file: string, text: string): void {
    const notes = this.#notes(file);
    notes.output = (notes.output + text).slice(-OUTPUT_LIMIT);
  }

  /** What its second run says is counted; this is not forgotten either. */
  #late({ file, errors }: Extract<TestEvent, { kind: 'late' }>): void {
    this.#write(`\nlate   ${file}: runs once more at the end\n${indent(errors.join('\n'))}\n`);
    this.#warnings.push(`! ${file}: was late, and ran twice: ${errors[0]?.split('\n')[0]}`);
  }

  #settle(event: Extract<TestEvent, { kind: 'passed' | 'skipped' | 'failed' }>): void {
    const notes = this.#notes(event.file);
    const test = [...this.#path.slice(0, event.nesting), event.name].join(' › ');
    if (event.kind === 'passed') {
      notes.passed += 1;
      this.#passed += 1;
    } else if (event.kind === 'skipped' && !this.#skipsFail) {
      notes.skipped += 1;
      this.#skipped += 1;
      this.#skips.push({ file: event.file, test, detail: event.reason });
    } else {
      const detail = event.kind === 'skipped' ? `skipped: ${event.reason}` : event.error;
      this.#fail({ file: event.file, test, detail });
    }
  }

  #fail({ file, test, detail }: Shortfall): void {
    this.#notes(file).failed += 1;
    this.#failed += 1;
    this.#write(`\nFAILED ${file}: ${test}\n${indent(detail)}`);
  }

  #endFile(event: Extract<TestEvent, { kind: 'file-ended' }>): void {
    const { file, problem } = event;
    const notes = this.#notes(file);
    if (problem !== undefined) this.#fail({ file, test: 'the file', detail: problem });
    else if (notes.passed + notes.failed + notes.skipped === 0) {
      this.#fail({ file, test: 'the file', detail: 'It ran no test.' });
    }
    const mark = notes.failed > 0 ? 'FAILED' : 'ok    ';
    const counts = `${notes.passed} passed`
      .concat(notes.failed > 0 ? `, ${notes.failed} failed` : '')
      .concat(notes.skipped > 0 ? `, ${notes.skipped} skipped` : '');
    this.#write(`${mark} ${file}  ${counts}  ${(event.durationMs / 1000).toFixed(1)} s`);
    if (notes.failed > 0 && notes.output !== '') {
      this.#write(`  its output:\n${indent(notes.output.trimEnd())}\n`);
    }
    notes.output = '';
  }
}

function indent(text: string): string {
  return text.replaceAll(/^(?=.)/gm, '    ');
}
