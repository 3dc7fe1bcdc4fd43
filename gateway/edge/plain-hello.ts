import type { ErrorName } from '../../protocol/codes.ts';
import { isName } from '../../protocol/fields.ts';
import * as limits from '../../protocol/limits.ts';

/** What a plain client says in its URL instead of `hello` and `sub`. */
export interface PlainHello {
  readonly session: string | undefined;
  /** Each once; whether they are names of topics is judged later. */
  readonly topics: readonly string[];
  /** What was not understood: the client is told, and served without it. */
  readonly problems: readonly QueryProblem[];
}

export interface QueryProblem {
  readonly code: ErrorName;
  readonly message: string;
}

/** Of something wrong, so much is shown. */
const SHOWN = 40;

/**
 * The topics and the session in the URL of an upgrade, or undefined: the client will say hello.
 * Topics are separated by commas and percent-encoded one by one.
 */
export function plainHello(url: string): PlainHello | undefined {
  const query = url.indexOf('?');
  if (query === -1) return undefined;
  let named: string[] | undefined;
  let session: string | undefined;
  for (const pair of url.slice(query + 1).split('&')) {
    const equals = pair.indexOf('=');
    const name = equals === -1 ? pair : pair.slice(0, equals);
    const value = equals === -1 ? '' : pair.slice(equals + 1);
    if (name === 'topics') {
      named = [...(named ?? []), ...value.split(',').filter((topic) => topic !== '')];
    } else if (name === 'session') {
      session = value;
    }
  }
  if (named === undefined) return undefined;
  const problems: QueryProblem[] = [];
  return { topics: topicsOf(named, problems), session: sessionOf(session, problems), problems };
}

function topicsOf(named: readonly string[], problems: QueryProblem[]): string[] {
  const topics = new Set<string>();
  let left = 0;
  for (const text of named) {
    const topic = unescaped(text);
    if (topic === undefined) {
      if (problems.length < limits.topicsPerCommand) problems.push(badEscape(text));
    } else if (topics.has(topic) || topics.size < limits.topicsPerCommand) {
      topics.add(topic);
    } else {
      left += 1;
    }
  }
  if (named.length === 0) {
    problems.push({ code: 'bad_request', message: 'topics: none is named in the URL' });
  }
  if (left > 0) {
    const message = `topics: ${limits.topicsPerCommand} at most in a URL, ${left} were left out`;
    problems.push({ code: 'too_many_topics', message });
  }
  return [...topics];
}

function badEscape(text: string): QueryProblem {
  const shown = JSON.stringify(text.slice(0, SHOWN));
  return { code: 'bad_topic', message: `topics: ${shown} is not percent-encoded UTF-8` };
}

function sessionOf(text: string | undefined, problems: QueryProblem[]): string | undefined {
  if (text === undefined) return undefined;
  const session = unescaped(text);
  if (isName(session)) return session;
  const wanted = `1 to ${limits.nameLength} of 0-9 A-Z a-z _ -`;
  problems.push({ code: 'bad_request', message: `session: ${wanted}; no cursors are kept` });
  return undefined;
}

function unescaped(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
