/**
 * Limits that both sides of the wire hold. What an administrator may change is a setting; what
 * the protocol itself bounds is here, with the relations between the numbers asserted below.
 *
 * Constants, imported as `limits`: a bundle for browsers has the numbers in place, and only those
 * that it uses.
 */

/** A topic's name, bytes of UTF-8. */
export const topicBytes = 256;
/** Topics named in one command. */
export const topicsPerCommand = 1_000;
/** One topic in a `sub` of text: every character of its name escaped, its position, the rest. */
export const topicRequestBytes = 640;
/** Positions in one tick. */
export const positionsPerTick = 256;
/** A JWT. */
export const tokenBytes = 8_192;
/** The token of a `move`. */
export const moveTokenBytes = 1_024;
/** Session and producer ids, characters of `[0-9A-Za-z_-]`. */
export const nameLength = 64;
/** Features in `hello`, and the length of each. */
export const features = 32;
/** The `client` field of hello. */
export const clientLength = 128;
/** Nesting of a frame, counted in brackets and braces; data included. */
export const depth = 64;
/** Members of a frame; those inside its members not counted. */
export const members = 32;
/**
 * Values of a msgpack frame, names of members counted and those in `data` not: each costs the same
 * work, and most take a byte.
 */
export const values = 32_768;
/** A frame before `hello` and `hello` itself; the least that a gateway may accept after it. */
export const helloBytes = 16_384;
/** Default of the largest frame a gateway accepts; `welcome` carries the one in force. */
export const frameBytes = 1_048_576;
/** Bytes of a close reason, by the WebSocket protocol. */
export const closeReasonBytes = 123;

function assertRelation(holds: () => boolean, why: string): void {
  if (!holds()) throw new Error(`limits: ${why}`);
}

// Pure: a bundle for browsers leaves the assertions out.
/* @__PURE__ */ assertRelation(
  () => topicsPerCommand * topicRequestBytes < frameBytes,
  'a command that names the most topics allowed must fit into a frame of the default size',
);
/* @__PURE__ */ assertRelation(
  () => members + topicsPerCommand * (1 + 2 * 15) < values,
  'a command that names the most topics, each with 15 members, must be within the values allowed',
);
/* @__PURE__ */ assertRelation(
  () =>
    tokenBytes + moveTokenBytes + features * (nameLength + 3) + clientLength * 6 <
    helloBytes - 1_024,
  'the longest hello must fit into the frame that is allowed for it',
);
/* @__PURE__ */ assertRelation(
  () => tokenBytes * 4 < frameBytes,
  'an auth with the longest token must fit into a frame',
);
