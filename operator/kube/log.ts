/**
 * The little that the runtime needs of a logger; pino's own shape, so that a pino logger can be
 * passed as it is. Never given a token, a key, or the body of an answer.
 */
export interface Log {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}
