import { type KeyObject, randomBytes, sign, verify } from 'node:crypto';
import type { Clock } from '../../../protocol/clock.ts';
import type { PodKeys } from '../pod-keys.ts';

export interface HopProofsParts {
  readonly pod: string;
  readonly cluster: string;
  /** Ed25519; its public half is what the others know as the key of this pod. */
  readonly privateKey: KeyObject;
  readonly keys: PodKeys;
  readonly clock: Pick<Clock, 'wall' | 'now'>;
  /** Proofs that are taken within a window; more are refused. Default: 100,000. */
  readonly noncesMax?: number;
}

/** One way from a pod to another, which both have proven to each other. */
interface Hop {
  readonly from: string;
  readonly to: string;
  readonly nonce: string;
}

/** What the pod says that opens a connection to another one. */
export interface Question {
  readonly hop: Hop;
  readonly proof: string;
}

export type CheckedHop =
  | { readonly outcome: 'ok'; readonly from: string; readonly answer: string }
  | { readonly outcome: BadHop };

/**
 * `unknown_pod`: nobody here knows the key of the pod that is said to have signed it. `replayed`:
 * it was shown before. `full`: more came within a short time than can be told from replays.
 */
export type BadHop = 'invalid' | 'expired' | 'unknown_pod' | 'replayed' | 'full';

/** From the signature until the other one looks at it. */
const LIFE_MS = 10_000;
/** Clocks of machines differ by so much. */
const LEEWAY_MS = 5_000;
/** A proof is worth nothing outside a time of this length, so nonces are kept for as long. */
const WINDOW_MS = LIFE_MS + 2 * LEEWAY_MS;
/** Nonces of one window: 5,000 connections of other pods per second, about 20 MB. */
const NONCES_MAX = 100_000;
const PROOF_LENGTH = 1_024;
const ASKS = 'wscluster-hop-1';
const ANSWERS = 'wscluster-hop-answer-1';

/**
 * How two gateways know each other before one passes a client on to the other. Who opens the
 * connection signs cluster, both pods, the time and a nonce; who takes it signs the nonce in turn.
 * So nothing of a client is told to a stranger that got the address of a pod that is gone.
 *
 * `<claims>.<signature>`, both base64url; the claims are JSON,
 * `["wscluster-hop-1", cluster, from, to, nonce, time in ms]`. The answer is the signature alone of
 * `["wscluster-hop-answer-1", cluster, from, to, nonce]`.
 */
export class HopProofs {
  readonly #parts: HopProofsParts;
  /** Nonces of this window and of the one before. */
  #nonces = new Set<string>();
  #before = new Set<string>();
  #since: number;

  constructor(parts: HopProofsParts) {
    this.#parts = parts;
    this.#since = parts.clock.now();
  }

  ask(to: string): Question {
    const { cluster, pod, privateKey, clock } = this.#parts;
    const hop = { from: pod, to, nonce: randomBytes(16).toString('base64url') };
    const claims = Buffer.from(
      JSON.stringify([ASKS, cluster, pod, to, hop.nonce, Math.floor(clock.wall())]),
    );
    const signature = sign(null, claims, privateKey);
    return { hop, proof: `${claims.toString('base64url')}.${signature.toString('base64url')}` };
  }

  /** Whether a pod of this cluster said this to this pod, lately and for the first time. */
  check(proof: string): CheckedHop {
    const { cluster, pod, keys, privateKey, clock } = this.#parts;
    const claims = readClaims(proof);
    if (claims === undefined || claims.cluster !== cluster) return { outcome: 'invalid' };
    // From itself it would be a loop.
    if (claims.to !== pod || claims.from === pod) return { outcome: 'invalid' };
    const age = clock.wall() - claims.at;
    if (age < -LEEWAY_MS || age > LIFE_MS + LEEWAY_MS) return { outcome: 'expired' };
    const key = keys.of(claims.from);
    if (key === undefined) return { outcome: 'unknown_pod' };
    if (!verify(null, claims.signed, key, claims.signature)) return { outcome: 'invalid' };
    const known = this.#remember(`${claims.from} ${claims.nonce}`);
    if (known !== undefined) return { outcome: known };
    const answer = sign(null, answerOf(cluster, claims), privateKey).toString('base64url');
    return { outcome: 'ok', from: claims.from, answer };
  }

  /** Whether the pod that was asked has answered. */
  isAnswer(answer: string, hop: Hop): boolean {
    const { cluster, keys } = this.#parts;
    const key = keys.of(hop.to);
    const signature = Buffer.from(answer.slice(0, PROOF_LENGTH), 'base64url');
    return key !== undefined && verify(null, answerOf(cluster, hop), key, signature);
  }

  /** Undefined: it is new, and known from now on. */
  #remember(nonce: string): 'replayed' | 'full' | undefined {
    const now = this.#parts.clock.now();
    if (now - this.#since >= WINDOW_MS) {
      this.#before = now - this.#since >= 2 * WINDOW_MS ? new Set() : this.#nonces;
      this.#nonces = new Set();
      this.#since = now;
    }
    if (this.#nonces.has(nonce) || this.#before.has(nonce)) return 'replayed';
    if (this.#nonces.size >= (this.#parts.noncesMax ?? NONCES_MAX)) return 'full';
    this.#nonces.add(nonce);
    return undefined;
  }
}

const answerOf = (cluster: string, { from, to, nonce }: Hop) =>
  Buffer.from(JSON.stringify([ANSWERS, cluster, from, to, nonce]));

interface Claims extends Hop {
  readonly cluster: string;
  /** Wall-clock ms. */
  readonly at: number;
  readonly signed: Buffer;
  readonly signature: Buffer;
}

function readClaims(proof: string): Claims | undefined {
  if (proof.length > PROOF_LENGTH) return undefined;
  const [first = '', second = '', ...rest] = proof.split('.', 3);
  if (rest.length > 0) return undefined;
  const signed = Buffer.from(first, 'base64url');
  const claims = parsed(signed.toString());
  if (!Array.isArray(claims) || claims.length !== 6 || claims[0] !== ASKS) return undefined;
  const [, cluster, from, to, nonce, at] = claims as readonly unknown[];
  if (typeof cluster !== 'string' || typeof from !== 'string' || typeof to !== 'string') {
    return undefined;
  }
  if (typeof nonce !== 'string' || typeof at !== 'number') return undefined;
  return { cluster, from, to, nonce, at, signed, signature: Buffer.from(second, 'base64url') };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Whatever it is, it is no proof.
    return undefined;
  }
}
