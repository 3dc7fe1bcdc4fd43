import { catalogue, VARIABLE_PREFIX } from './catalogue.ts';
import type { Field } from './field-catalogue.ts';
import { nearest } from './nearest.ts';
import { type Problem, shown } from './problem.ts';

/** A value for one setting, still as text. */
export interface Given {
  readonly field: Field;
  /** The option or variable that gave it. */
  readonly source: string;
  readonly text: string;
}

export interface Reading {
  readonly given: readonly Given[];
  readonly problems: readonly Problem[];
}

/** Variables of the test runner; a gateway that a test starts inherits them. */
const FOREIGN = /^WSCLUSTER_TEST_/;

const byOption = new Map<string, Field>();
for (const field of catalogue) {
  byOption.set(field.option, field);
  if (field.alias !== undefined) byOption.set(field.alias, field);
}
const byVariable = new Map(catalogue.map((field) => [field.variable, field]));

/** `--name value`, `--name=value`, and `--name` alone for what is true or false. */
export function readArguments(argv: readonly string[]): Reading {
  const given = new Map<Field, Given>();
  const problems: Problem[] = [];
  let index = 0;
  while (index < argv.length) {
    const argument = readArgument(argv, index);
    index += argument.length;
    if ('problem' in argument) problems.push(argument.problem);
    else if (given.has(argument.given.field)) {
      problems.push({ field: argument.given.source, wanted: 'may be given only once' });
    } else given.set(argument.given.field, argument.given);
  }
  return { given: [...given.values()], problems };
}

/** `length`: how many items of the command line it takes. */
type Argument = { readonly length: number } & (
  | { readonly given: Given }
  | { readonly problem: Problem }
);

function readArgument(argv: readonly string[], index: number): Argument {
  const argument = argv[index] ?? '';
  const next = argv[index + 1];
  const equals = argument.indexOf('=');
  const source = equals < 0 ? argument : argument.slice(0, equals);
  const field = byOption.get(source);
  if (field === undefined) {
    // What follows an unknown option is its value, not one more mistake.
    return { length: equals < 0 && isValue(next) ? 2 : 1, problem: unknownOption(source) };
  }
  if (equals >= 0) return { length: 1, given: { field, source, text: argument.slice(equals + 1) } };
  // No word stands alone, so what follows a switch is meant to be its value.
  if (isValue(next)) return { length: 2, given: { field, source, text: next } };
  if (field.kind === 'boolean') return { length: 1, given: { field, source, text: 'true' } };
  return { length: 1, problem: { field: source, wanted: `needs ${field.wanted}` } };
}

const isValue = (next: string | undefined): next is string =>
  next !== undefined && !next.startsWith('--');

function unknownOption(source: string): Problem {
  if (!source.startsWith('-')) {
    return { field: shown(source, false), wanted: 'is not an option; options begin with --' };
  }
  const name = shown(source, false).slice(1, -1);
  const likely = nearest(source, [...byOption.keys(), '--help']);
  return { field: name, wanted: `there is no such option${hint(likely)}` };
}

const hint = (likely: string | undefined) =>
  likely === undefined ? '; see --help' : `; did you mean ${likely}?`;

/** `WSCLUSTER_…`; an empty one counts as not given. */
export function readEnvironment(env: Readonly<Record<string, string | undefined>>): Reading {
  const given: Given[] = [];
  const problems: Problem[] = [];
  for (const [source, text] of Object.entries(env)) {
    if (!source.startsWith(VARIABLE_PREFIX) || FOREIGN.test(source)) continue;
    const field = byVariable.get(source);
    if (field === undefined) {
      const likely = nearest(source, [...byVariable.keys()]);
      problems.push({ field: source, wanted: `there is no such variable${hint(likely)}` });
    } else if (text !== undefined && text !== '') {
      given.push({ field, source, text });
    }
  }
  return { given, problems };
}
