import type { FastifyRequest } from 'fastify';
import type { Clock } from '../../protocol/clock.ts';
import type { Authenticator, Identity } from '../edge/identity.ts';
import type { Logger } from '../logger.ts';
import type { HttpSettings } from '../settings/declaration.ts';
import { ApiError } from './api-error.ts';
import type { HttpCounts } from './counts.ts';
import { identify } from './credentials.ts';
import { VisitorRates, visitorAt } from './visitor-rates.ts';

export interface VisitorsParts {
  readonly authenticator: Authenticator;
  readonly settings: HttpSettings;
  readonly counts: HttpCounts;
  readonly logger: Logger;
  readonly clock: Clock;
}

/** Of a request for which every gateway works: it counts as so many against the rate. */
export const ASK_COST = 20;

/** Who sent a request: an identity, or else an address. */
interface Visitor {
  readonly by: 'identity' | 'address';
  readonly name: string;
}

interface Visit {
  readonly identity: Identity;
  readonly visitor: Visitor;
}

/**
 * Who sent which request, and whether it asks too often: known before a body is read, so that
 * strangers fill no memory. An identity has its own rate wherever it comes from; everybody else,
 * and whoever is refused, has that of the address.
 */
export class Visitors {
  readonly #parts: VisitorsParts;
  readonly #rates: { readonly identity: VisitorRates; readonly address: VisitorRates };
  readonly #visits = new WeakMap<object, Visit>();

  constructor(parts: VisitorsParts) {
    this.#parts = parts;
    const { clock, settings } = parts;
    const rate = { perSecond: settings.requestsPerSecond, burst: settings.requestsBurst };
    const options = { rate, largest: Math.max(settings.publishMessages, ASK_COST), clock };
    this.#rates = { identity: new VisitorRates(options), address: new VisitorRates(options) };
  }

  /** Throws `ApiError` when it is nobody who may, or asks too often. */
  readonly admit = async (request: FastifyRequest): Promise<void> => {
    const { authenticator, logger } = this.#parts;
    const address = visitorAt(request.raw.socket.remoteAddress ?? '');
    let visitor: Visitor = { by: 'address', name: address };
    try {
      const identity = await identify(request.raw, authenticator, logger);
      if (identity.name !== '') visitor = { by: 'identity', name: identity.name };
      this.#visits.set(request, { identity, visitor });
    } finally {
      this.#judge(visitor, this.#rates[visitor.by].admit(visitor.name));
    }
  };

  identityOf(request: object): Identity {
    return this.#visitOf(request).identity;
  }

  /** A request that does the work of several costs as many. Throws `ApiError` like `admit`. */
  charge(request: object, more: number): void {
    const { visitor } = this.#visitOf(request);
    this.#judge(visitor, this.#rates[visitor.by].charge(visitor.name, more));
  }

  #visitOf(request: object): Visit {
    const visit = this.#visits.get(request);
    if (visit === undefined) throw new ApiError('unauthenticated', 'nobody was admitted');
    return visit;
  }

  #judge({ by }: Visitor, waitMs: number): void {
    if (waitMs === 0) return;
    this.#parts.counts.limited(by);
    const retryAfterS = Math.ceil(waitMs / 1_000);
    throw new ApiError('rate_limited', `too many requests of this ${by}`, { retryAfterS });
  }
}
