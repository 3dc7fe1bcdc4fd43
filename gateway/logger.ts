/**
 * The little that the gateway's parts need of a logger; pino's own shape, so that a pino logger
 * can be passed as it is. Never give it a token, a key or a message's data.
 */
export interface Logger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

const nothing = () => {};

/** For tests and for an embedded gateway that was asked to be silent. */
export const silentLogger: Logger = {
  debug: nothing,
  info: nothing,
  warn: nothing,
  error: nothing,
};
