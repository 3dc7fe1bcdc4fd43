import { earlySigterm } from './early-signal.ts';

/** A terminal signals the launcher and us, and the launcher passes it on: that is one signal. */
const SAME_SIGNAL_MS = 500;

/** A program that goes on until it is told to end. */
export interface Program {
  /** Ends all that it does; the process exits then. */
  end(): Promise<void>;
  /** Says why it cannot go on, and exits. */
  refuse(error: unknown): never;
  /** It will end, because of this signal; another one ends it at once. */
  told(signal: NodeJS.Signals): void;
  /** It will end, with code 1, because of a mistake of ours. */
  broken(error: unknown): void;
}

/** Whether a program has begun to end. */
export interface Ending {
  readonly begun: boolean;
}

/**
 * From here on signals and mistakes end the program, once. Exits with 0 at once where SIGTERM came
 * while the program was loaded: it has not begun with anything.
 */
export function endWhenTold(program: Program): Ending {
  let since: number | undefined;
  const end = (code: number) => {
    since = performance.now();
    process.exitCode = code;
    program.end().then(
      () => process.exit(code),
      (error: unknown) => program.refuse(error),
    );
  };
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      if (since === undefined) {
        program.told(signal);
        end(0);
      } else if (performance.now() - since > SAME_SIGNAL_MS) process.exit(1);
    });
  }
  if (earlySigterm()) process.exit(0);
  const broken = (error: unknown) => {
    program.broken(error);
    if (since === undefined) end(1);
  };
  process.on('unhandledRejection', broken);
  process.on('uncaughtException', broken);
  return {
    get begun() {
      return since !== undefined;
    },
  };
}
