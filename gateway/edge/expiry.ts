import type { EdgeContext } from './context.ts';
import type { Identity } from './identity.ts';

/**
 * An identity ends with its token. For `refreshMs` after that the client may bring a fresh one
 * (`auth`); then the connection is closed. Tokens live by the wall clock, everything else here by
 * the wheel's.
 */
export function isExpired(identity: Identity | undefined, context: EdgeContext): boolean {
  if (identity?.expiresAt === undefined) return false;
  return context.clock.wall() >= identity.expiresAt + context.settings.refreshMs;
}

/** When, by the wheel, to look again. */
export function expiryDue(identity: Identity | undefined, context: EdgeContext): number {
  if (identity?.expiresAt === undefined) return Number.POSITIVE_INFINITY;
  const left = identity.expiresAt + context.settings.refreshMs - context.clock.wall();
  return context.wheel.now() + Math.max(0, left);
}
