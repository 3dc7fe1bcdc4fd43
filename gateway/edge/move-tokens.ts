import { createHash, type KeyObject, sign, verify } from 'node:crypto';
import type { Clock } from '../../protocol/clock.ts';
import { isName } from '../../protocol/fields.ts';
import * as limits from '../../protocol/limits.ts';
import type { RingVersion } from '../../protocol/ring.ts';
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
  /** By which it is sent where it is sent; undefined: by none. */
  readonly ring: RingVersion | undefined;
}

export type CheckedMove =
  | ({ readonly outcome: 'ok' } & Pick<Moving, 'session' | 'ring'>)
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
 * asked it, which session, whose, by which ring. It grants nothing else: the client shows who it is
 * as ever.
 *
 * `<claims>.<signature>`, both base64url; the claims are JSON,
 * `[1, cluster, pod, session, digest of the identity, end in seconds, generation and counter of the
 * ring]`, the last two 0 without a ring. Whatever a later version adds is not looked at.
 */
export class MoveTokens {
  readonly #parts: MoveTokensParts;

  constructor(parts: MoveTokensParts) {
    this.#parts = parts;
  }

  issue({ identity, session, ring }: Moving): string {
    const { cluster, pod, privateKey, clock } = this.#parts;
    const end = Math.floor((clock.wall() + LIFE_MS) / 1_000);
    const { generation = 0, counter = 0 } = ring ?? {};
    const who = digestOf(identity);
    const claims = JSON.stringify([FORMAT, cluster, pod, session, who, end, generation, counter]);
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
    return { outcome: 'ok', session: claims.session, ring: claims.ring };
  }
}

const bad = (outcome: BadMove): CheckedMove => ({ outcome });

interface Claims {
  readonly cluster: string;
  readonly pod: string;
  readonly session: string;
  readonly ring: RingVersion | undefined;
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
  if (!Array.isArray(claims) || claims.length < 8) return undefined;
  const [format, cluster, pod, session, who, end, ...version] = claims as readonly unknown[];
  if (format !== FORMAT || !isName(session) || !Number.isSafeInteger(end)) return undefined;
  if (typeof cluster !== 'string' || typeof pod !== 'string' || typeof who !== 'string') {
    return undefined;
  }
  const endMs = Number(end) * 1_000;
  const ring = ringOf(version);
  return { ...{ cluster, pod, session, ring, who, endMs }, signed, signature };
}

function ringOf([generation, counter]: readonly unknown[]): RingVersion | undefined {
  if (!Number.isSafeInteger(generation) || !Number.isSafeInteger(counter)) return undefined;
  if (generation === 0 && counter === 0) return undefined;
  return { generation: Number(generation), counter: Number(counter) };
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
