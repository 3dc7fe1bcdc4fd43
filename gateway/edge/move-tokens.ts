import { createHash, type KeyObject, sign, verify } from 'node:crypto';
import type { Clock } from '../../protocol/clock.ts';
import { isName } from '../../protocol/fields.ts';
import * as limits from '../../protocol/limits.ts';
import type { PodKeys } from './pod-keys.ts';

export interface MoveTokensParts {
  readonly pod: string;
  readonly cluster: string;
  /** Ed25519; its public half is what the others know as the key of this pod. */
  readonly privateKey: KeyObject;
  readonly keys: PodKeys;
  readonly clock: Pick<Clock, 'wall'>;
}

/** Who is asked to move. */
export interface Moving {
  readonly identity: string;
  readonly session: string;
}

export type CheckedMove =
  | { readonly outcome: 'ok'; readonly session: string }
  | { readonly outcome: BadMove };

/** `unknown_pod`: nobody here knows the key of the pod that is said to have signed it. */
export type BadMove = 'invalid' | 'expired' | 'unknown_pod';

/** From the question until the `hello` on the new connection. */
const LIFE_MS = 60_000;
/** Clocks of machines differ by so much. */
const LEEWAY_MS = 5_000;
const FORMAT = 1;

/**
 * What a client that was asked to move shows at the new gateway, so that its session goes on: who
 * asked it, which session, whose. It grants nothing else: the client shows who it is as ever.
 *
 * `<claims>.<signature>`, both base64url; the claims are JSON,
 * `[1, cluster, pod, session, digest of the identity, end in seconds]`.
 */
export class MoveTokens {
  readonly #parts: MoveTokensParts;

  constructor(parts: MoveTokensParts) {
    this.#parts = parts;
  }

  issue({ identity, session }: Moving): string {
    const { cluster, pod, privateKey, clock } = this.#parts;
    const end = Math.floor((clock.wall() + LIFE_MS) / 1_000);
    const claims = JSON.stringify([FORMAT, cluster, pod, session, digestOf(identity), end]);
    const signature = sign(null, Buffer.from(claims), privateKey);
    return `${Buffer.from(claims).toString('base64url')}.${signature.toString('base64url')}`;
  }

  /** Whether the token is of a pod of this cluster, for this identity, and not too old. */
  check(token: string, identity: string): CheckedMove {
    const claims = readClaims(token);
    if (claims === undefined || claims.cluster !== this.#parts.cluster) return bad('invalid');
    if (claims.who !== digestOf(identity)) return bad('invalid');
    const now = this.#parts.clock.wall();
    if (claims.endMs > now + LIFE_MS + LEEWAY_MS) return bad('invalid');
    const key = this.#parts.keys.of(claims.pod);
    if (key === undefined) return bad('unknown_pod');
    if (!verify(null, claims.signed, key, claims.signature)) return bad('invalid');
    if (claims.endMs < now - LEEWAY_MS) return bad('expired');
    return { outcome: 'ok', session: claims.session };
  }
}

const bad = (outcome: BadMove): CheckedMove => ({ outcome });

interface Claims {
  readonly cluster: string;
  readonly pod: string;
  readonly session: string;
  readonly who: string;
  readonly endMs: number;
  readonly signed: Buffer;
  readonly signature: Buffer;
}

function readClaims(token: string): Claims | undefined {
  if (token.length > limits.moveTokenBytes) return undefined;
  const [signed, signature, ...rest] = token.split('.', 3).map((part) => bytesOf(part));
  if (signed === undefined || signature === undefined || rest.length > 0) return undefined;
  const claims = parsed(signed.toString());
  if (!Array.isArray(claims) || claims.length !== 6) return undefined;
  const [format, cluster, pod, session, who, end] = claims as readonly unknown[];
  if (format !== FORMAT || !isName(session) || !Number.isSafeInteger(end)) return undefined;
  if (typeof cluster !== 'string' || typeof pod !== 'string' || typeof who !== 'string') {
    return undefined;
  }
  const endMs = Number(end) * 1_000;
  return {
    cluster,
    pod,
    session,
    who,
    endMs,
    signed,
    signature,
  };
}

/** In their one spelling only. */
function bytesOf(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64url');
  return bytes.toString('base64url') === text ? bytes : undefined;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Whatever it is, it is no token.
    return undefined;
  }
}

/** Identities may be long, and are nobody's business who reads the token. */
const digestOf = (identity: string): string =>
  createHash('sha256').update(identity).digest('base64url');
