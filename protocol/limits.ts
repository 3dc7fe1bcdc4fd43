/**
 * Limits that both sides of the wire hold. What an administrator may change is a setting; what
 * the protocol itself bounds is here, with the relations between the numbers asserted below.
 */
export const limits = {
  /** A topic's name, bytes of UTF-8. */
  topicBytes: 256,
  /** Topics named in one command. */
  topicsPerCommand: 1_000,
  /** Positions in one tick. */
  positionsPerTick: 256,
  /** A JWT. */
  tokenBytes: 8_192,
  /** Session and producer ids, characters of `[0-9A-Za-z_-]`. */
  nameLength: 64,
  /** Features in `hello`, and the length of each. */
  features: 32,
  /** The `client` field of hello. */
  clientLength: 128,
  /** Nesting of a frame, counted in brackets and braces; data included. */
  depth: 64,
  /** Members of a frame; those inside its members not counted. */
  members: 32,
  /** A frame before `hello` and `hello` itself. */
  helloBytes: 16_384,
  /** Default of the largest frame a gateway accepts; `welcome` carries the one in force. */
  frameBytes: 1_048_576,
  /** Bytes of a close reason, by the WebSocket protocol. */
  closeReasonBytes: 123,
} as const;

function assertRelation(holds: boolean, why: string): void {
  if (!holds) throw new Error(`limits: ${why}`);
}

// Pure: a bundle for browsers leaves the assertions out.
/* @__PURE__ */ assertRelation(
  limits.topicsPerCommand * (limits.topicBytes + 128) < limits.frameBytes,
  'a command that names the most topics allowed must fit into a frame',
);
/* @__PURE__ */ assertRelation(
  limits.tokenBytes + limits.features * (limits.nameLength + 3) + limits.clientLength * 6 <
    limits.helloBytes - 1_024,
  'the longest hello must fit into the frame that is allowed for it',
);
/* @__PURE__ */ assertRelation(
  limits.tokenBytes * 4 < limits.frameBytes,
  'an auth with the longest token must fit into a frame',
);
