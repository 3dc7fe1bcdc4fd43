import { parseArgs } from 'node:util';
import { nearest } from '../gateway/settings/nearest.ts';
import type { Command, Options } from './command.ts';
import { SEE_HELP } from './help.ts';
import { isOptionName, type OptionDeclaration, optionsOf, takesValue } from './option-table.ts';

export type Parsed =
  | {
      readonly kind: 'run';
      readonly command: Command;
      readonly operand: string;
      readonly options: Options;
    }
  | { readonly kind: 'help'; readonly command: Command | undefined }
  | { readonly kind: 'version' }
  /** One line that says what is wrong and what would be right. */
  | { readonly kind: 'wrong'; readonly message: string };

const TIMEOUT_MAX_S = 86_400;

/** Reads the command line; whatever it holds, the outcome is one of the four. */
export function parseArguments(args: readonly string[], commands: readonly Command[]): Parsed {
  const { words, given, problem } = read(args);
  const [name, operand, ...more] = words;
  const command = commands.find((one) => one.name === name);
  if (given.has('help')) return { kind: 'help', command };
  if (given.has('version')) return { kind: 'version' };
  if (problem !== undefined) return wrong(problem);
  if (name === undefined) return wrong(`which command? ${SEE_HELP}`);
  if (command === undefined) return wrong(unknownCommand(name, commands));
  if (more.length > 0) {
    return wrong(`${name} takes one ${command.operand}, not also ${more.join(' ')}`);
  }
  if (operand === undefined && command.needsOperand) {
    return wrong(
      `${name} of which ${command.operand}? kubectl wscluster ${name} ${command.operand}`,
    );
  }
  const misplaced = [...given.keys()].find((one) => !optionsOf(command).includes(one));
  if (misplaced !== undefined) return wrong(`${name} has no option --${misplaced}. ${SEE_HELP}`);
  const options = optionsFrom(given, command);
  if (typeof options === 'string') return wrong(options);
  return { kind: 'run', command, operand: operand ?? '', options };
}

const wrong = (message: string): Parsed => ({ kind: 'wrong', message });

function unknownCommand(name: string, commands: readonly Command[]): string {
  const names = commands.map((command) => command.name);
  const likely = nearest(name, names);
  const hint =
    likely === undefined ? `; there are ${names.join(', ')}` : `; did you mean ${likely}?`;
  return `there is no command ${JSON.stringify(name)}${hint}`;
}

interface Given {
  readonly words: readonly string[];
  /** By long name; a flag's text is empty. */
  readonly given: ReadonlyMap<OptionDeclaration['name'], string>;
  readonly problem: string | undefined;
}

function read(args: readonly string[]): Given {
  const words: string[] = [];
  const given = new Map<OptionDeclaration['name'], string>();
  const problems: string[] = [];
  const { tokens } = parseArgs({
    ...{ args: [...args], strict: false, allowPositionals: true, tokens: true },
    options: takesValue,
  });
  for (const token of tokens) {
    if (token.kind === 'positional') words.push(token.value);
    if (token.kind !== 'option') continue;
    const { name, rawName, value } = token;
    if (!isOptionName(name)) problems.push(unknownOption(rawName));
    else if (given.has(name)) problems.push(`${rawName} is given twice`);
    else if (takesValue[name]?.type === 'boolean' && value !== undefined) {
      problems.push(`${rawName} takes no value, not ${JSON.stringify(value)}`);
    } else if (takesValue[name]?.type === 'string' && (value ?? '') === '') {
      problems.push(`${rawName} needs a value`);
    } else given.set(name, value ?? '');
  }
  return { words, given, problem: problems[0] };
}

function unknownOption(rawName: string): string {
  const likely = nearest(
    rawName,
    Object.keys(takesValue).map((name) => `--${name}`),
  );
  const hint = likely === undefined ? `. ${SEE_HELP}` : `; did you mean ${likely}?`;
  return `there is no option ${rawName}${hint}`;
}

function optionsFrom(given: Given['given'], { name }: Command): Options | string {
  const timeout = given.get('timeout');
  const seconds = Number(timeout);
  if (timeout !== undefined) {
    const isNumber = /^\d{1,5}$/.test(timeout) && seconds >= 1 && seconds <= TIMEOUT_MAX_S;
    if (!isNumber) {
      const wanted = `needs whole seconds from 1 to ${TIMEOUT_MAX_S}`;
      return `--timeout ${JSON.stringify(timeout)}: ${wanted}`;
    }
    const flag = name === 'status' ? 'watch' : 'wait';
    if (!given.has(flag)) return `--timeout is for --${flag}: say both, or neither`;
  }
  const text = (option: 'namespace' | 'context' | 'kubeconfig' | 'cluster') => {
    const value = given.get(option);
    return value === undefined ? {} : { [option]: value };
  };
  const apiKeyFile = given.get('api-key-file');
  return {
    ...{ ...text('namespace'), ...text('context'), ...text('kubeconfig'), ...text('cluster') },
    ...(given.has('watch') ? { watch: true } : {}),
    ...(given.has('wait') ? { wait: true } : {}),
    ...(timeout === undefined ? {} : { timeoutS: seconds }),
    ...(apiKeyFile === undefined ? {} : { apiKeyFile }),
  };
}
