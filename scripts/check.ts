// `npm run check`: types, lint and format, house rules, generated files, dead links. `-- --fix`
// (`npm run format`) first repairs what can be repaired. The last line is the totals.

import { spawn } from 'node:child_process';
import { join } from 'node:path';

interface Step {
  readonly name: string;
  readonly program: string;
  readonly args: readonly string[];
}

const root = join(import.meta.dirname, '..');
const tool = (name: string) => join(root, 'node_modules', '.bin', name);
const script = (name: string) => join(root, 'scripts', name);
const fix = process.argv.includes('--fix');

const biome = ['--error-on-warnings', '--max-diagnostics=200', '--colors=off'];
const repairs: readonly Step[] = [
  { name: 'repair', program: tool('biome'), args: ['check', '--write', ...biome] },
  { name: 'generate', program: process.execPath, args: [script('generate.ts')] },
];
const checks: readonly Step[] = [
  { name: 'types', program: tool('tsc'), args: ['-p', root] },
  { name: 'lint and format', program: tool('biome'), args: ['check', ...biome] },
  { name: 'house rules', program: process.execPath, args: [script('tidy.ts')] },
  { name: 'generated files', program: process.execPath, args: [script('generate.ts'), '--check'] },
  { name: 'links', program: process.execPath, args: [script('links.ts')] },
];

/** No step takes minutes; one that hangs must not hang the whole. */
const STEP_DEADLINE_MS = 300_000;

function run({ program, args }: Step): Promise<{ ok: boolean; output: string }> {
  return new Promise((resolve) => {
    const child = spawn(program, args, {
      cwd: root,
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: STEP_DEADLINE_MS,
    });
    const output: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => output.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => output.push(chunk));
    child.on('error', (error) => resolve({ ok: false, output: error.message }));
    child.on('close', (code, signal) => {
      const text = Buffer.concat(output).toString('utf8').trim();
      resolve({ ok: code === 0, output: signal === null ? text : `${text}\nended by ${signal}` });
    });
  });
}

let passed = 0;
let failed = 0;
for (const step of fix ? [...repairs, ...checks] : checks) {
  const started = performance.now();
  const { ok, output } = await run(step);
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  process.stdout.write(`${ok ? 'ok    ' : 'FAILED'} ${step.name}  ${seconds} s\n`);
  if (ok) passed += 1;
  else {
    failed += 1;
    process.stdout.write(`${output.replaceAll(/^(?=.)/gm, '    ')}\n\n`);
  }
}
process.stdout.write(`${passed} passed, ${failed} failed\n`);
process.exitCode = failed > 0 ? 1 : 0;
