import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Lab } from '../lab/lab.ts';

/** A call to the API server, as its audit log has it. */
export interface Audited {
  readonly verb: string;
  readonly user?: { readonly username?: string };
  readonly userAgent?: string;
  readonly requestURI: string;
  readonly requestReceivedTimestamp: string;
  readonly responseStatus?: { readonly code?: number };
  readonly objectRef?: {
    readonly apiGroup?: string;
    readonly resource?: string;
    readonly namespace?: string;
    readonly name?: string;
    readonly subresource?: string;
  };
}

/** Calls of a program that are over, since a time (milliseconds since 1970). */
export async function callsOf(lab: Lab, userAgent: string, since: number): Promise<Audited[]> {
  const calls = await callsWith(lab, userAgent);
  return calls
    .filter((call) => call.userAgent?.startsWith(userAgent))
    .filter((call) => Date.parse(call.requestReceivedTimestamp) >= since);
}

/** Calls of an account that are over. */
export async function callsBy(lab: Lab, username: string): Promise<Audited[]> {
  const calls = await callsWith(lab, username);
  return calls.filter(({ user }) => user?.username === username);
}

/** In whose line a text stands. */
async function callsWith(lab: Lab, part: string): Promise<Audited[]> {
  const text = await readFile(join(lab.logs, 'audit.log'), 'utf8');
  // The last line may be half written.
  const lines = text.slice(0, text.lastIndexOf('\n')).split('\n');
  return lines.filter((line) => line.includes(part)).map((line) => JSON.parse(line) as Audited);
}
