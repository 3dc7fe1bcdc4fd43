import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Lab } from '../lab/lab.ts';

/** A call to the API server, as its audit log has it. */
export interface Audited {
  readonly verb: string;
  readonly userAgent?: string;
  readonly requestURI: string;
  readonly requestReceivedTimestamp: string;
  readonly responseStatus?: { readonly code?: number };
  readonly objectRef?: {
    readonly resource?: string;
    readonly name?: string;
    readonly subresource?: string;
  };
}

/** Calls of a program that are over, since a time (milliseconds since 1970). */
export async function callsOf(lab: Lab, userAgent: string, since: number): Promise<Audited[]> {
  const text = await readFile(join(lab.logs, 'audit.log'), 'utf8');
  // The last line may be half written.
  const lines = text.slice(0, text.lastIndexOf('\n')).split('\n');
  return lines
    .filter((line) => line.includes(userAgent))
    .map((line) => JSON.parse(line) as Audited)
    .filter((call) => call.userAgent?.startsWith(userAgent))
    .filter((call) => Date.parse(call.requestReceivedTimestamp) >= since);
}
