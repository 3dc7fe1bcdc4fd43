import type { V1Lease } from '@kubernetes/client-node';
import type { ApiServer } from './connection.ts';
import { failed } from './kube-error.ts';
import { isKubeObject, isRecord, type Raw } from './objects.ts';
import { pathOf, type Resource } from './resource.ts';

export const leases: Resource = {
  group: 'coordination.k8s.io',
  ...{ version: 'v1', plural: 'leases', kind: 'Lease', namespaced: true },
};

export interface LeasePlace {
  readonly namespace: string;
  readonly name: string;
}

/** What a Lease says, and which version of it said so. */
export interface LeaseRecord {
  /** Undefined: nobody holds it. */
  readonly holder: string | undefined;
  /** How long its holder may be silent. Undefined: it does not say. Milliseconds. */
  readonly durationMs: number | undefined;
  /** How often it went from one to another. */
  readonly transitions: number;
  readonly acquireTime: string | undefined;
  /** Another one whenever anybody wrote, so that a renewal is seen whatever the clocks say. */
  readonly resourceVersion: string;
}

/** Who holds it from now on, and until when. Times by the wall: for those who read it, not us. */
export interface LeaseClaim {
  readonly holder: string | undefined;
  readonly durationMs: number;
  readonly transitions: number;
  readonly acquireTime: string;
  readonly renewTime: string;
}

/** `V1MicroTime`: six digits, as Go writes and reads it. */
export function microTime(wallMs: number): string {
  return new Date(wallMs).toISOString().replace(/(\.\d{3})Z$/, '$1000Z');
}

/** Reads and writes one Lease; nobody's write is ever overwritten unseen. */
export class LeaseClient {
  readonly #api: ApiServer;
  readonly #place: LeasePlace;

  constructor(api: ApiServer, place: LeasePlace) {
    this.#api = api;
    this.#place = place;
  }

  /** Rejects with `NotFound` when there is none. */
  async read(options: CallOptions): Promise<LeaseRecord> {
    return readLease(await this.#api.call({ method: 'GET', path: this.#path(), ...options }));
  }

  /** Rejects with `AlreadyExists` when somebody was faster. */
  async create(claim: LeaseClaim, options: CallOptions): Promise<LeaseRecord> {
    const path = pathOf(leases, { namespace: this.#place.namespace });
    const body = this.#body(claim, undefined);
    return readLease(await this.#api.call({ method: 'POST', path, body, ...options }));
  }

  /** Rejects with `Conflict` when anybody wrote since `seen`. */
  async update(claim: LeaseClaim, seen: LeaseRecord, options: CallOptions): Promise<LeaseRecord> {
    const body = this.#body(claim, seen.resourceVersion);
    return readLease(await this.#api.call({ method: 'PUT', path: this.#path(), body, ...options }));
  }

  #path(): string {
    return pathOf(leases, this.#place);
  }

  #body(claim: LeaseClaim, resourceVersion: string | undefined): object {
    const { holder, durationMs, transitions, acquireTime, renewTime } = claim;
    return {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: { ...this.#place, ...(resourceVersion === undefined ? {} : { resourceVersion }) },
      spec: {
        // Empty, as client-go releases one.
        holderIdentity: holder ?? '',
        leaseDurationSeconds: Math.ceil(durationMs / 1000),
        ...{ acquireTime, renewTime, leaseTransitions: transitions },
      },
    };
  }
}

interface CallOptions {
  readonly deadlineMs: number;
  readonly signal: AbortSignal;
}

function readLease(answer: unknown): LeaseRecord {
  const { resourceVersion } = isKubeObject(answer) ? answer.metadata : {};
  if (resourceVersion === undefined || !isLease(answer)) {
    throw failed('AnswerUnreadable', 'what should be a Lease is none');
  }
  const { holderIdentity, leaseDurationSeconds, leaseTransitions, acquireTime } = answer.spec ?? {};
  return {
    holder: holderIdentity === '' ? undefined : holderIdentity,
    durationMs: leaseDurationSeconds === undefined ? undefined : leaseDurationSeconds * 1000,
    transitions: leaseTransitions ?? 0,
    ...{ acquireTime, resourceVersion },
  };
}

function isLease(answer: unknown): answer is Raw<V1Lease> {
  if (!isRecord(answer)) return false;
  const spec = answer['spec'] ?? {};
  if (!isRecord(spec)) return false;
  const { holderIdentity: holder, leaseDurationSeconds, leaseTransitions } = spec;
  return (
    (holder === undefined || typeof holder === 'string') &&
    [leaseDurationSeconds, leaseTransitions].every(
      (one) => one === undefined || (typeof one === 'number' && one >= 0),
    )
  );
}
