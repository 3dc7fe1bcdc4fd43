import { isIPv6 } from 'node:net';
import { z } from 'zod';
import type { Clock } from '../../protocol/clock.ts';
import type { CommandKey } from './command-key.ts';

/** The admin port of one gateway. */
export interface GatewayPod {
  /** What tokens are made out to. */
  readonly uid: string;
  readonly ip: string;
  readonly adminPort: number;
}

export interface GatewayClientOptions {
  readonly key: CommandKey;
  readonly clock: Clock;
  /** For a whole call. Default: 5 s. */
  readonly deadlineMs?: number;
  /** Default: the one of the process. */
  readonly fetch?: typeof globalThis.fetch;
}

const DEADLINE_MS = 5_000;
/** Of an answer; a status is some kilobytes. */
const ANSWER_BYTES = 262_144;

const amount = z.int().nonnegative();
const version = z.object({ generation: z.int(), counter: z.int() });

/** What is read of `/admin/status`; a gateway of another version may say more, or less. */
export const gatewayStatus = z.object({
  pod: z.string(),
  /** Of its program, `0.2.1`. */
  version: z.string().max(64).optional(),
  started: z.boolean(),
  /** What its start waits for: settings whose files cannot be used, or `redis`. */
  lacking: z.array(z.object({ what: z.string(), reason: z.string() })).default([]),
  checks: z
    .array(z.object({ name: z.string(), ok: z.boolean(), detail: z.string().optional() }))
    .default([]),
  edge: z
    .object({
      connections: amount,
      sessions: amount,
      drain: z.string(),
      /** Of a drain: milliseconds until it is over, whoever is left. */
      drainRemainingMs: z.number().optional(),
      /** Of `connections`: their clients are known to be served elsewhere by now. */
      moved: amount.optional(),
      /** Share of `connections` that come from one address. */
      fromOneAddress: z.number().min(0).max(1).optional(),
    })
    .refine(({ connections, moved = 0 }) => moved <= connections, 'more moved than there are')
    .optional(),
  /** Share of time in which the event loop was busy. */
  loop: z.object({ utilisation: z.number().min(0).max(1) }).optional(),
  publishes: z.object({ perSecond: z.number().nonnegative() }).optional(),
  /** Of clients, since it started; `failed`: those that it is to blame for. */
  requests: z.object({ all: amount, failed: amount }).optional(),
  hub: z
    .object({ resumes: z.object({ complete: z.int(), broken: z.int() }).optional() })
    .optional(),
  stream: z.object({ connected: z.boolean(), unsuitable: z.array(z.string()) }).optional(),
  ring: z
    .object({
      version: version.optional(),
      digest: z.string().optional(),
      /** Shards that are its own, and gateways that have some. */
      owned: amount.optional(),
      members: amount.optional(),
    })
    .optional(),
});
export type GatewayStatus = z.infer<typeof gatewayStatus>;

const pushed = z.object({
  /** `older`: it goes by a newer one, which stays. */
  outcome: z.enum(['newer', 'same', 'older', 'conflict']),
  version,
  digest: z.string(),
});
export type Pushed = z.infer<typeof pushed>;

const draining = z.object({
  phase: z.string().optional(),
  remainingMs: z.number().optional(),
  connections: z.int().optional(),
});
export type Draining = z.infer<typeof draining>;

/** It did not answer, or with something else than was asked for. */
export class GatewayError extends Error {
  override readonly name = 'GatewayError';
  /** Of HTTP; undefined: there was no answer, or none that can be read. */
  readonly status: number | undefined;

  constructor(message: string, status?: number, options?: ErrorOptions) {
    super(message, options);
    this.status = status;
  }
}

/**
 * Asks and commands gateways, one at a time each, by address: a Service would lead to any of them.
 * Every call rejects with a `GatewayError`, or with the reason of the caller's signal.
 */
export class GatewayClient {
  readonly #options: GatewayClientOptions;

  constructor(options: GatewayClientOptions) {
    this.#options = options;
  }

  status(pod: GatewayPod, signal: AbortSignal): Promise<GatewayStatus> {
    return this.#call(pod, { method: 'GET', path: '/admin/status', shape: gatewayStatus, signal });
  }

  /** `ring`: a document as `encodeRing` writes it. */
  pushRing(pod: GatewayPod, ring: string, signal: AbortSignal): Promise<Pushed> {
    const call = { method: 'PUT', path: '/admin/ring', body: ring, shape: pushed, signal } as const;
    return this.#call(pod, call);
  }

  /**
   * Tells it to empty itself; also one that is at it already. `withinMs`: it has to be over by
   * then, if that is sooner than its settings say.
   */
  drain(pod: GatewayPod, signal: AbortSignal, withinMs?: number): Promise<Draining> {
    const call = { method: 'POST', path: '/admin/drain', shape: draining, signal } as const;
    const body = withinMs === undefined ? {} : { body: JSON.stringify({ withinMs }) };
    return this.#call(pod, { ...call, ...body });
  }

  /** Tells it to stay after all. Rejects with status 409 when it ends whatever comes. */
  stay(pod: GatewayPod, signal: AbortSignal): Promise<Draining> {
    return this.#call(pod, { method: 'DELETE', path: '/admin/drain', shape: draining, signal });
  }

  async #call<T>(pod: GatewayPod, call: Call<T>): Promise<T> {
    const { clock, deadlineMs = DEADLINE_MS } = this.#options;
    const what = `${call.method} ${call.path} of ${pod.ip}`;
    const late = new AbortController();
    const timer = clock.after(deadlineMs, () => late.abort());
    try {
      const { status, text } = await this.#send(pod, call, late.signal);
      if (status !== 200) throw new GatewayError(`${what}: ${status} ${messageIn(text)}`, status);
      const answer = call.shape.safeParse(JSON.parse(text));
      if (answer.success) return answer.data;
      throw new GatewayError(
        `${what}: not an answer of a gateway: ${z.prettifyError(answer.error)}`,
      );
    } catch (error) {
      if (call.signal.aborted) throw call.signal.reason;
      if (error instanceof GatewayError) throw error;
      const reason = late.signal.aborted ? `no answer within ${deadlineMs} ms` : reasonOf(error);
      throw new GatewayError(`${what}: ${reason}`, undefined, { cause: error });
    } finally {
      timer.cancel();
    }
  }

  async #send({ uid, ip, adminPort }: GatewayPod, call: Call<unknown>, late: AbortSignal) {
    const { key, clock, fetch = globalThis.fetch } = this.#options;
    const { method, path, body, signal } = call;
    const host = isIPv6(ip) ? `[${ip}]` : ip;
    const response = await fetch(`http://${host}:${adminPort}${path}`, {
      method,
      headers: {
        ...(method === 'GET' ? {} : { authorization: `Bearer ${await key.token(uid, clock)}` }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body }),
      redirect: 'error',
      signal: AbortSignal.any([signal, late]),
    });
    return { status: response.status, text: await readText(response) };
  }
}

interface Call<T> {
  readonly method: 'GET' | 'PUT' | 'POST' | 'DELETE';
  readonly path: string;
  readonly body?: string;
  readonly shape: z.ZodType<T>;
  readonly signal: AbortSignal;
}

async function readText({ body }: Response): Promise<string> {
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  for await (const piece of body ?? []) {
    bytes += piece.length;
    if (bytes > ANSWER_BYTES)
      throw new GatewayError(`an answer of more than ${ANSWER_BYTES} bytes`);
    pieces.push(piece);
  }
  return Buffer.concat(pieces).toString('utf8');
}

const refusal = z.object({ code: z.string(), message: z.string() });

/** Gateways say what was wrong; whoever else listens there says something. */
function messageIn(text: string): string {
  try {
    const { code, message } = refusal.parse(JSON.parse(text));
    return `${code}: ${message}`;
  } catch {
    return 'not an answer of a gateway';
  }
}

/** `fetch` says only that it failed; why stands in the cause. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? error.cause.message : error.message;
}
