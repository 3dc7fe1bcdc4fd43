import { parseArgs } from 'node:util';
import { refusedArguments } from '../../embedded/refused-arguments.ts';
import { NODES_MAX } from './network.ts';

export type ParsedLabOptions =
  /** `nodes`: as many as were asked for; undefined: it does not matter. */
  | { readonly kind: 'up'; readonly name: string; readonly nodes: number | undefined }
  | { readonly kind: 'status' | 'down'; readonly name: string }
  | { readonly kind: 'help'; readonly text: string }
  /** One line that says what is wrong and what would be right. */
  | { readonly kind: 'wrong'; readonly message: string };

export const DEFAULT_NAME = 'lab';
const SEE = 'npm run lab -- --help';

const HELP = `npm run lab [-- command] [options]

A Kubernetes of this checkout's own, on this machine: real components and kubelets on containerd, in
namespaces. It runs on in the background until it is taken down. The first time it is built, which
takes some minutes. Needs Linux, root, and Go.

  up              starts it, and says how to use it; the default
  status          says whether it runs, and what of it
  down            ends it, or what is left of it; nothing stays but what was built, in .cache/lab

  --nodes N       how many nodes, in zones a, b, c in turn        1 … ${NODES_MAX}, default 1
  --name NAME     which lab: several run side by side             default ${DEFAULT_NAME}
  --help          this text
`;

/** Reads the command line; whatever it holds, the outcome is one of the five. */
export function parseLabOptions(args: readonly string[]): ParsedLabOptions {
  const parsed = readArgs(args);
  if (typeof parsed === 'string') return { kind: 'wrong', message: parsed };
  if (parsed.help) return { kind: 'help', text: HELP };
  const [command = 'up', ...more] = parsed.commands;
  if (more.length > 0) return wrong(`one command at a time, not ${parsed.commands.join(' ')}`);
  if (command !== 'up' && command !== 'status' && command !== 'down') {
    return wrong(`there is no command ${JSON.stringify(command)}. See: ${SEE}`);
  }
  const { name, nodes } = parsed;
  if (!NAME.test(name)) {
    return wrong(
      `--name ${JSON.stringify(name)}: needs letters a–z, digits and dashes, 20 at most`,
    );
  }
  if (command !== 'up') {
    const misplaced = `--nodes is for up, not for ${command}`;
    return nodes === undefined ? { kind: command, name } : wrong(misplaced);
  }
  if (nodes === undefined) return { kind: 'up', name, nodes: undefined };
  const count = Number(nodes);
  if (/^\d$/.test(nodes) && count >= 1 && count <= NODES_MAX) {
    return { kind: 'up', name, nodes: count };
  }
  return wrong(`--nodes ${JSON.stringify(nodes)}: needs a whole number from 1 to ${NODES_MAX}`);
}

const wrong = (message: string): ParsedLabOptions => ({ kind: 'wrong', message });

/** It becomes a part of paths. */
const NAME = /^[a-z][a-z0-9-]{0,19}$/;

interface Given {
  readonly commands: readonly string[];
  readonly name: string;
  readonly nodes: string | undefined;
  readonly help: boolean;
}

function readArgs(args: readonly string[]): Given | string {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        nodes: { type: 'string' },
        name: { type: 'string', default: DEFAULT_NAME },
        help: { type: 'boolean', short: 'h' },
      },
    });
    const { name, nodes, help } = values;
    return { commands: positionals, name, nodes, help: help === true };
  } catch (error) {
    return refusedArguments(error, SEE);
  }
}
