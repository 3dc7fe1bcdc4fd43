const CODE = 'ERR_LATE';

/** Something did not happen in time; whether the machine was too busy for it, this cannot tell. */
export class Late extends Error {
  /** What is left of the class where an error comes from another process. */
  readonly code = CODE;
}

/** Whether a test failed for time alone: `Late`, a time-out of Playwright, or of node:test. */
export function isLate(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const { failureType, cause, code, name } = error as Reported;
  if (code === CODE || name === 'TimeoutError') return true;
  if (failureType === 'testTimeoutFailure' || failureType === 'cancelledByParent') return true;
  return isLate(cause);
}

/** An error as node:test hands it on. */
interface Reported extends Error {
  readonly failureType?: string;
  readonly code?: unknown;
}
