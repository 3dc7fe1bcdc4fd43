import type { Clock } from '../protocol/clock.ts';
import { parseArguments } from './arguments.ts';
import type { Command, Options } from './command.ts';
import { commands } from './commands.ts';
import { Misuse } from './complaint.ts';
import type { Connected } from './connect.ts';
import { explained } from './explained.ts';
import { helpOf } from './help.ts';
import { nameIn } from './lookup.ts';
import { screenOf } from './screen.ts';
import { version } from './version.ts';

export interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdout: { readonly isTTY?: boolean; write(text: string): unknown };
  readonly stderr: { write(text: string): unknown };
  readonly clock: Clock;
  readonly connect: (options: Options) => Promise<Connected>;
}

/** Does what the words say; resolves with the exit code. */
export async function run(args: readonly string[], around: Surroundings): Promise<number> {
  const parsed = parseArguments(args, commands);
  switch (parsed.kind) {
    case 'help':
      around.stdout.write(helpOf(commands, parsed.command));
      return 0;
    case 'version':
      around.stdout.write(`${version()}\n`);
      return 0;
    case 'wrong':
      around.stderr.write(`error: ${parsed.message}\n`);
      return 2;
    case 'run':
      return attempt(parsed, around);
  }
}

interface Order {
  readonly command: Command;
  readonly operand: string;
  readonly options: Options;
}

async function attempt(order: Order, around: Surroundings): Promise<number> {
  try {
    await connected(order, around);
    return 0;
  } catch (error) {
    const line = explained(error);
    if (line === undefined) throw error;
    around.stderr.write(`error: ${line}\n`);
    return error instanceof Misuse ? 2 : 1;
  }
}

async function connected({ command, operand, options }: Order, around: Surroundings) {
  const { env, clock, stdout } = around;
  const given = options.namespace;
  const chosen = given === undefined ? undefined : nameIn(given, 'namespace');
  const { api, namespace = 'default', close } = await around.connect(options);
  const screen = screenOf(stdout, env);
  try {
    await command.run(
      { api, namespace: chosen ?? namespace, clock, screen, options, env },
      operand,
    );
  } finally {
    await close();
  }
}
