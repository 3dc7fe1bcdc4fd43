import type { ApiServer } from '../operator/kube/connection.ts';
import type { Clock } from '../protocol/clock.ts';
import type { Screen } from './screen.ts';

/** What somebody said besides the command and whom it is about. */
export interface Options {
  readonly namespace?: string;
  readonly context?: string;
  readonly kubeconfig?: string;
  readonly watch?: boolean;
  readonly wait?: boolean;
  readonly timeoutS?: number;
  readonly cluster?: string;
  readonly apiKeyFile?: string;
}

/** What a command works with. */
export interface Desk {
  readonly api: ApiServer;
  readonly namespace: string;
  readonly clock: Clock;
  readonly screen: Screen;
  readonly options: Options;
  readonly env: Readonly<Record<string, string | undefined>>;
}

export type OptionName = 'watch' | 'wait' | 'timeout' | 'cluster' | 'api-key-file';

export interface Command {
  readonly name: string;
  /** Whom it is about: `POD`. */
  readonly operand: string;
  readonly needsOperand: boolean;
  /** Besides those that all commands have. */
  readonly options: readonly OptionName[];
  /** For `--help`, a line. */
  readonly summary: string;
  /** Rejects with a `Complaint`, or a `KubeError`. */
  run(desk: Desk, operand: string): Promise<void>;
}

export const say = ({ screen }: Pick<Desk, 'screen'>, line: string): void => {
  screen.write(`${line}\n`);
};

/** A command as one would type it here, for whoever is told to. */
export function typed({ options }: Pick<Desk, 'options'>, words: string): string {
  const where = [
    ...(options.namespace === undefined ? [] : ['-n', options.namespace]),
    ...(options.context === undefined ? [] : ['--context', options.context]),
  ];
  return ['kubectl', words, ...where].join(' ');
}
