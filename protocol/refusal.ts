import type { ErrorName } from './code-table.ts';
import type { Decoded } from './codec.ts';

/** Why a frame was not understood. Thrown inside a decoder, never out of one. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly code: ErrorName;

  constructor(code: ErrorName, message: string) {
    super(message);
    this.code = code;
  }
}

/** Runs a decoder to its outcome. `id` finds the request that a refusal answers, if it is known. */
export function decoded<T>(decode: () => T, id: () => number | undefined): Decoded<T> {
  try {
    return { ok: true, value: decode() };
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    const request = id();
    const refusal = { ok: false, code: error.code, message: error.message } as const;
    return request === undefined ? refusal : { ...refusal, id: request };
  }
}
