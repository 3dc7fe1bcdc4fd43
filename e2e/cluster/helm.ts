import { join } from 'node:path';
import { LAB_FOLDER } from '../lab/artefacts.ts';
import { attempt, type CommandOptions, type Outcome, run } from '../lab/command.ts';
import { buildPrograms } from '../lab/programs.ts';

export const CHART = join(import.meta.dirname, '..', '..', 'charts', 'wscluster');

/** One of the Helms, for one cluster or none. */
export interface Helm {
  readonly major: 3 | 4;
  /** Its standard output. Throws with what it said when it fails. */
  (...args: readonly string[]): Promise<string>;
  /** Whatever comes of it; never rejects. */
  attempt(...args: readonly string[]): Promise<Outcome>;
}

/** Longer than its own `--timeout`. */
const DEADLINE_MS = 400_000;
/** Nothing of the user's own. */
const HOMES = ['CACHE', 'CONFIG', 'DATA'].map((what) => [
  `HELM_${what}_HOME`,
  join(LAB_FOLDER, 'helm', what.toLowerCase()),
]);

/** Helm 3 and Helm 4, built if need be. */
export async function helms(kubeconfig = '/dev/null'): Promise<readonly [Helm, Helm]> {
  const { helm3, helm4 } = await buildPrograms((line) => console.log(line));
  const env = { ...Object.fromEntries(HOMES), KUBECONFIG: kubeconfig };
  const options: CommandOptions = { env, deadlineMs: DEADLINE_MS };
  const helm = (major: 3 | 4, folder: string): Helm => {
    const program = join(folder, `helm${major}`);
    const call = (...args: readonly string[]) => run(program, args, options);
    return Object.assign(call, {
      major,
      attempt: (...args: readonly string[]) => attempt(program, args, options),
    });
  };
  return [helm(3, helm3), helm(4, helm4)];
}
