import { parseArgs } from 'node:util';
import { readRedisUrl } from '../gateway/settings/redis-url.ts';
import { GATEWAYS_MAX } from './contract.ts';
import { refusedArguments } from './refused-arguments.ts';

export interface Options {
  /** The page's port; gateways take the next ones. */
  readonly port: number;
  readonly gateways: number;
  /** Absent: the memory stream. */
  readonly redis: string | undefined;
}

export type ParsedOptions =
  | { readonly kind: 'run'; readonly options: Options }
  | { readonly kind: 'help'; readonly text: string }
  /** One line that says what is wrong and what would be right. */
  | { readonly kind: 'wrong'; readonly message: string };

/** The page's port and those of the gateways after it must exist. */
const PORT_MAX = 65_535 - GATEWAYS_MAX;

const HELP = `npm start -- [options]

Starts gateways in one process, and a page that shows them.

  --port N       port of the page; gateways take the next ones      1 … ${PORT_MAX}, default 8000
  --gateways N   how many gateways to start with                    1 … ${GATEWAYS_MAX}, default 3
  --redis URL    redis:// or rediss://; without it: memory, nothing survives the process
  --help         this text
`;

/** Reads the command line; whatever it holds, the outcome is one of the three. */
export function parseOptions(args: readonly string[]): ParsedOptions {
  const parsed = readArgs(args);
  if (typeof parsed === 'string') return { kind: 'wrong', message: parsed };
  if (parsed.help === true) return { kind: 'help', text: HELP };
  const port = wholeNumber('--port', parsed.port ?? '8000', PORT_MAX);
  if (typeof port === 'string') return { kind: 'wrong', message: port };
  const gateways = wholeNumber('--gateways', parsed.gateways ?? '3', GATEWAYS_MAX);
  if (typeof gateways === 'string') return { kind: 'wrong', message: gateways };
  const { redis } = parsed;
  const read = redis === undefined ? undefined : readRedisUrl(redis);
  if (read !== undefined && 'problems' in read) {
    // The value may hold a password: it is not repeated.
    const wanted = '--redis needs a URL such as redis://127.0.0.1:6379';
    return { kind: 'wrong', message: `${wanted}: ${read.problems.join('; ')}` };
  }
  return { kind: 'run', options: { port, gateways, redis } };
}

interface Given {
  readonly port?: string | undefined;
  readonly gateways?: string | undefined;
  readonly redis?: string | undefined;
  readonly help?: boolean | undefined;
}

function readArgs(args: readonly string[]): Given | string {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        port: { type: 'string' },
        gateways: { type: 'string' },
        redis: { type: 'string' },
        help: { type: 'boolean', short: 'h' },
      },
    });
    return values;
  } catch (error) {
    return refusedArguments(error, 'npm start -- --help');
  }
}

function wholeNumber(option: string, text: string, max: number): number | string {
  const value = Number(text);
  if (/^[0-9]{1,5}$/.test(text) && value >= 1 && value <= max) return value;
  return `${option} ${JSON.stringify(text)}: needs a whole number from 1 to ${max}`;
}
