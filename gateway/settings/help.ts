import { catalogue } from './catalogue.ts';
import type { Field } from './field-catalogue.ts';

const COLUMNS = 100;
const INDENT = ' '.repeat(6);

/** What `--help` prints. */
export function helpText(): string {
  const head = [
    'Usage: npm run gateway -- [options]',
    '',
    'One gateway: WebSocket clients and the HTTP API on one port, health and metrics on another.',
    'Every option can be an environment variable: --redis-url is WSCLUSTER_REDIS_URL. Options win.',
    'Lists are separated by commas.',
    '',
    '  -h, --help',
    `${INDENT}Prints this.`,
  ];
  return `${[...head, ...catalogue.flatMap(fieldLines)].join('\n')}\n`;
}

function fieldLines(field: Field): string[] {
  const names = field.alias === undefined ? field.option : `${field.alias}, ${field.option}`;
  const value = field.kind === 'boolean' ? '' : ` ${placeholder(field)}`;
  const text = `${field.text} Default: ${field.fallback}.`.replaceAll('`', '');
  return ['', `  ${names}${value}`, ...wrapped(text)];
}

function placeholder({ kind, unit }: Field): string {
  if (kind === 'integer') return `<${unit ?? 'n'}>`;
  return kind === 'words' ? '<a,b,…>' : '<text>';
}

function wrapped(text: string): string[] {
  const lines: string[] = [];
  let line = INDENT.slice(1);
  for (const word of text.split(' ')) {
    if (line.length + 1 + word.length > COLUMNS) {
      lines.push(line);
      line = INDENT.slice(1);
    }
    line += ` ${word}`;
  }
  return [...lines, line];
}
