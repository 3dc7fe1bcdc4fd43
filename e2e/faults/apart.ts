import { join } from 'node:path';
import { inNamespace, isInNamespace, namespaceProblem } from '../processes/lossy-wire.ts';
import type { Row } from './row.ts';

const PROGRAM = join(import.meta.dirname, '../faults.ts');
const APART_MS = 900_000;

export interface Apart {
  readonly outcome: 'passed' | 'failed' | 'skipped';
  /** What the run wrote, or why there was none. */
  readonly output: string;
}

/** A row that needs a namespace runs in one, as a process; undefined: it can run right here. */
export async function runApart(
  { row, wired }: Row,
  options: { readonly seed: number; readonly deliveries: number },
): Promise<Apart | undefined> {
  if (wired !== true || isInNamespace()) return undefined;
  const problem = await namespaceProblem();
  if (problem !== undefined) return { outcome: 'skipped', output: problem };
  const { seed, deliveries } = options;
  const args = ['--row', row, '--seed', String(seed), '--deliveries', String(deliveries)];
  const { code, output } = await inNamespace([PROGRAM, ...args], APART_MS);
  return { outcome: code === 0 ? 'passed' : 'failed', output };
}
