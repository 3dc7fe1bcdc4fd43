/**
 * Why nothing is read from a client for the moment. Bits, since reasons overlap.
 * - `busy`: a command is under way that the next ones depend on.
 * - `rate`: it is over a rate.
 * - `publishes`: too many publishes wait for their answers.
 */
export const pauses = { busy: 1, rate: 2, publishes: 4 } as const;
