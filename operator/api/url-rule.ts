import type { Rule } from './fields.ts';

/** Of an address or a name, as both an API server and a gateway read it. */

const label = '[a-zA-Z0-9_-]+';
// One that ends in a number is an address, or nothing.
const name = `(${label}[.])*[a-zA-Z_]([a-zA-Z0-9_-]*)[.]?`;
const byte = '(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])';
const piece = '[0-9a-fA-F]{1,4}';
const ipv6 = [
  `(${piece}:){7}${piece}`,
  `(${piece}:){1,7}:`,
  ...[6, 5, 4, 3, 2, 1].map((before) => `(${piece}:){1,${before}}(:${piece}){1,${7 - before}}`),
  `:((:${piece}){1,7}|:)`,
].join('|');
const port = [
  ...['[0-9]{1,4}', '[1-5][0-9]{4}', '6[0-4][0-9]{3}', '65[0-4][0-9]{2}', '655[0-2][0-9]'],
  '6553[0-5]',
].join('|');

const URL = `^https?://(${name}|(${byte}[.]){3}${byte}|[[](${ipv6})[]])(:(${port}))?([/?#].*)?$`;

/**
 * `isURL` alone takes what no gateway does: `https://host:99999/`, `https://256.1.1.1/`, a name
 * with `<` in it; and what no client fetches, a user and a password before the host.
 */
export const urlRule = (what: string): Rule => ({
  rule: `isURL(self) && self.matches('${URL}')`,
  message: `${what} must be a URL with a host, and nobody's name before it`,
});
