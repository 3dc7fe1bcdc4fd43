import { passingErrors } from '../protocol/code-table.ts';
import { closeCodes } from '../protocol/codes.ts';
import type { EdgeCounts } from './edge/counts.ts';
import type { HttpCounts, Route } from './http/counts.ts';

/** What clients asked since the start, and how much of it this gateway is to blame for. */
export interface Requests {
  /** Connections, commands after `hello`, and requests to the HTTP API. */
  readonly all: number;
  /** Those that this gateway failed, could not answer, or whose token it did not believe. */
  readonly failed: number;
}

/**
 * A client that asks for what it may not have is told so by a gateway that works. One that believes
 * no token does not work either, though the tokens may be to blame: whoever compares gateways sees
 * which of the two it is.
 */
const failures: ReadonlySet<string> = new Set([
  ...passingErrors.filter((code) => code !== 'rate_limited'),
  'unauthenticated',
]);
const failedCloses: ReadonlySet<number> = new Set(
  [closeCodes.internal, closeCodes.tryLater, closeCodes.unauthenticated].map(({ code }) => code),
);
/** Nobody waits for the answers of these. */
const asides: ReadonlySet<Route> = new Set(['openapi', 'preflight', 'other']);
const UNAUTHENTICATED = 401;
const NOT_OFFERED = 501;

/** Counts requests and failures of a gateway, by what its parts count anyway. */
export class RequestTally {
  #all = 0;
  #failed = 0;

  get requests(): Requests {
    return { all: this.#all, failed: this.#failed };
  }

  /** The same counts, read besides. */
  edge(counts: EdgeCounts): EdgeCounts {
    return {
      ...counts,
      state: (from, to) => {
        if (from === undefined) this.#all += 1;
        counts.state(from, to);
      },
      received: (command) => {
        // It belongs to its connection, which was counted.
        if (command !== 'hello') this.#all += 1;
        counts.received(command);
      },
      failed: (code) => {
        if (failures.has(code)) this.#failed += 1;
        counts.failed(code);
      },
      closed: (code) => {
        if (failedCloses.has(code)) this.#failed += 1;
        counts.closed(code);
      },
    };
  }

  /** The same counts, read besides. */
  http(counts: HttpCounts): HttpCounts {
    return {
      ...counts,
      answered: (route, status, seconds) => {
        const fails = status >= 500 ? status !== NOT_OFFERED : status === UNAUTHENTICATED;
        if (!asides.has(route)) {
          this.#all += 1;
          if (fails) this.#failed += 1;
        }
        counts.answered(route, status, seconds);
      },
    };
  }
}
