import {
  type AfterClose,
  closeCodes,
  errorCodes,
  gapReasons,
  moveReasons,
} from '../../protocol/codes.ts';

const AFTER_CLOSE: Record<AfterClose, string> = {
  'come-back': 'comes back with backoff',
  'refresh-token': 'comes back with a fresh token',
  'stay-away': 'stays away',
};

const SENT_BY = {
  server: 'gateway',
  client: 'client',
  both: 'either',
  proxy: 'a proxy',
  local: 'nobody: observed',
} as const;

const WHERE = { frames: 'WebSocket', http: 'HTTP', both: 'both' } as const;

/** `docs/protocol.md` with the tables of codes between their markers made anew. */
export function withCodeTables(page: string): string {
  const tables = {
    'close-codes': closeTable(),
    'error-codes': errorTable(),
    'gap-reasons': reasonTable(gapReasons),
    'move-reasons': reasonTable(moveReasons),
  };
  let result = page;
  for (const [name, table] of Object.entries(tables)) result = fill(result, name, table);
  return result;
}

function fill(page: string, name: string, table: string): string {
  const start = `<!-- generated:${name} -->\n`;
  const end = '<!-- /generated -->';
  const from = page.indexOf(start);
  const to = page.indexOf(end, from);
  if (from < 0 || to < 0) throw new Error(`docs/protocol.md lacks ${start.trim()} … ${end}`);
  return `${page.slice(0, from)}${start}\n${table}\n${page.slice(to)}`;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |\n`;
  return line(head) + line(head.map(() => '---')) + rows.map(line).join('');
}

function closeTable(): string {
  const rows = Object.values(closeCodes).map(({ code, name, sentBy, then, text }) => [
    String(code),
    `\`${name}\``,
    SENT_BY[sentBy],
    AFTER_CLOSE[then],
    text,
  ]);
  return table(['code', 'name', 'sent by', 'the client', 'meaning'], rows);
}

function errorTable(): string {
  const rows = Object.entries(errorCodes).map(([name, { status, retry, where, text }]) => [
    `\`${name}\``,
    WHERE[where],
    String(status),
    retry ? 'yes' : 'no',
    text,
  ]);
  return table(['code', 'met in', 'HTTP status', 'again', 'meaning'], rows);
}

function reasonTable(reasons: Readonly<Record<string, string>>): string {
  const rows = Object.entries(reasons).map(([name, text]) => [`\`${name}\``, text]);
  return table(['reason', 'meaning'], rows);
}
