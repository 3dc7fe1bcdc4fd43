import { parseArgs } from 'node:util';
import { refusedArguments } from '../../embedded/refused-arguments.ts';
import type { Row } from './row.ts';
import { chosenRows, rows } from './rows.ts';

export interface FaultOptions {
  /** In the order of the list, each once. */
  readonly rows: readonly Row[];
  /** A row, at least. */
  readonly deliveries: number;
  readonly seed: number;
}

export type ParsedFaultOptions =
  | { readonly kind: 'run'; readonly options: FaultOptions }
  | { readonly kind: 'help'; readonly text: string }
  /** One line that says what is wrong and what would be right. */
  | { readonly kind: 'wrong'; readonly message: string };

const LEAST_DELIVERIES = 1_000;
const SEEDS = 1_000_000;

const HELP = `npm run faults -- [options]

Does faults to real gateways and a real Redis under load, and judges what clients saw. Exit code 1
when a row fails.

  --row N           25: row 25 and all of its variants (25, 25r, 25u); 25r: that variant only.
                    Can be given several times; a row that is named twice runs once. Default: all
  --deliveries N    a row, at least              ${LEAST_DELIVERIES} or more, default 100000
  --seed N          repeats the chances of a run 0 or more, default by the clock
  --help            this text

Rows: ${rows.map(({ row }) => row).join(' ')}
`;

/** Reads the command line; whatever it holds, the outcome is one of the three. */
export function parseFaultOptions(args: readonly string[]): ParsedFaultOptions {
  const parsed = readArgs(args);
  if (typeof parsed === 'string') return { kind: 'wrong', message: parsed };
  if (parsed.help === true) return { kind: 'help', text: HELP };
  const names = parsed.row ?? [];
  const unknown = names.find((name) => chosenRows([name]).length === 0);
  if (unknown !== undefined) {
    return {
      kind: 'wrong',
      message: `there is no row ${JSON.stringify(unknown)}. See: npm run faults -- --help`,
    };
  }
  const deliveries = Number(parsed.deliveries ?? '100000');
  if (!Number.isSafeInteger(deliveries) || deliveries < LEAST_DELIVERIES) {
    const message = `--deliveries needs a whole number from ${LEAST_DELIVERIES} on`;
    return { kind: 'wrong', message };
  }
  const seed = Number(parsed.seed ?? Date.now() % SEEDS);
  if (!Number.isSafeInteger(seed) || seed < 0) {
    return { kind: 'wrong', message: '--seed needs a whole number from 0 on' };
  }
  const chosen = names.length === 0 ? rows : chosenRows(names);
  return { kind: 'run', options: { rows: chosen, deliveries, seed } };
}

interface Given {
  readonly row?: string[] | undefined;
  readonly deliveries?: string | undefined;
  readonly seed?: string | undefined;
  readonly help?: boolean | undefined;
}

function readArgs(args: readonly string[]): Given | string {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        row: { type: 'string', multiple: true },
        deliveries: { type: 'string' },
        seed: { type: 'string' },
        help: { type: 'boolean' },
      },
    });
    return values;
  } catch (error) {
    return refusedArguments(error, 'npm run faults -- --help');
  }
}
