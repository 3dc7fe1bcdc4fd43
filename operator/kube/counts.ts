import type { Method } from './transport.ts';

/** What the connection counts. */
export interface RequestCounts {
  /** `status` undefined: there was no answer. */
  request(method: Method, status: number | undefined): void;
}

export const silentRequestCounts: RequestCounts = { request: () => {} };

/** What a work queue is at this moment. Times in milliseconds. */
export interface QueueState {
  readonly depth: Readonly<Record<Priority, number>>;
  /** Of all that is being worked on, together. */
  readonly unfinishedMs: number;
  readonly longestMs: number;
}

/** `low`: looked at again without a reason; whatever has one comes first. */
export type Priority = 'high' | 'low';

/** What a work queue counts. Times in milliseconds. */
export interface QueueCounts {
  /** Says once how it is read. */
  reads(state: () => QueueState): void;
  added(): void;
  retried(): void;
  /** From when it could be taken to when it was. */
  waited(ms: number): void;
  worked(ms: number): void;
}

/** `requeue`: tried again, and nothing was wrong. */
export type ReconcileResult = 'success' | 'requeue' | 'requeue_after' | 'error';

/** What a controller counts. */
export interface ReconcileCounts {
  /** Says once how many it works on now, and at most. */
  reads(workers: () => { readonly active: number; readonly most: number }): void;
  reconciled(result: ReconcileResult, ms: number): void;
  /** An error that nothing but a change mends. */
  terminal(): void;
}

export const silentQueueCounts: QueueCounts = {
  ...{ reads: () => {}, added: () => {}, retried: () => {}, waited: () => {}, worked: () => {} },
};

export const silentReconcileCounts: ReconcileCounts = {
  ...{ reads: () => {}, reconciled: () => {}, terminal: () => {} },
};
