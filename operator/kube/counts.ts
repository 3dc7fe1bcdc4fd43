import type { Method } from './transport.ts';

/** What the connection counts. */
export interface RequestCounts {
  /** `status` undefined: there was no answer. */
  request(method: Method, status: number | undefined): void;
}

export const silentRequestCounts: RequestCounts = { request: () => {} };
