/** What the admin port counts. Labels are bounded sets of names. */
export interface AdminCounts {
  /** Somebody told this gateway to do something. */
  command(command: AdminCommand, outcome: CommandOutcome): void;
}

export const adminCommands = ['ring', 'drain'] as const;
export type AdminCommand = (typeof adminCommands)[number];

/**
 * `unauthenticated`: without a token, or with one that is wrong, old, or for somebody else.
 * `refused`: it may be said, and cannot be done.
 */
export const commandOutcomes = ['ok', 'unauthenticated', 'refused'] as const;
export type CommandOutcome = (typeof commandOutcomes)[number];
