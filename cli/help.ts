import type { Command } from './command.ts';
import { common, type OptionDeclaration, special } from './option-table.ts';

export const SEE_HELP = 'See: kubectl wscluster --help';

const WIDTH = 26;

const row = (left: string, text: string): string => `  ${left.padEnd(WIDTH)}  ${text}`;

const usageOf = ({ name, operand, needsOperand }: Command): string =>
  `${name} ${needsOperand ? operand : `[${operand}]`}`;

function optionRow({ name, short, value, text }: OptionDeclaration): string {
  const shown = `--${name}${value === undefined ? '' : ` ${value}`}`;
  return row(short === undefined ? `    ${shown}` : `-${short}, ${shown}`, text);
}

/** Of all commands, or of one. */
export function helpOf(commands: readonly Command[], one?: Command): string {
  const shown = one === undefined ? commands : [one];
  const options = special.filter(({ name }) =>
    shown.some((command) => command.options.some((option) => option === name)),
  );
  return [
    `kubectl wscluster ${one === undefined ? 'COMMAND' : usageOf(one)} [options]`,
    '',
    ...shown.map((command) => row(usageOf(command), command.summary)),
    '',
    ...[...options, ...common].map(optionRow),
    '',
  ].join('\n');
}
