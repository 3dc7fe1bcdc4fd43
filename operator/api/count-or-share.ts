import { z } from 'zod';
import type { Rule } from './fields.ts';
import { GATEWAYS_MAX } from './scale-fields.ts';

/** A number of gateways, or a share of all of them: `3`, `25%`. */
export type CountOrShare = number | string;

export interface CountOrShareNotes {
  /** Its path, for the message. */
  readonly path: string;
  readonly fallback: CountOrShare;
  /** Smallest number, and smallest share: 0 or 1. */
  readonly min: 0 | 1;
  readonly max?: number;
  readonly description: string;
}

const LONGEST = '100%'.length;

export function countOrShare({ path, fallback, min, description, ...notes }: CountOrShareNotes) {
  const { max = GATEWAYS_MAX } = notes;
  const form = `a number from ${min} to ${max}, or ${min}% to 100%`;
  const share = min === 0 ? '^([1-9]?[0-9]|100)%$' : '^([1-9][0-9]?|100)%$';
  const rule: Rule = {
    // A number has its bounds in the schema; a text has none there that mean a number.
    rule: `type(self) == int || self.matches('${share}')`,
    message: `${path} must be ${form.replace(', or ', ', or from ')}`,
  };
  return z
    .union([z.int().min(min).max(max), z.string().max(LONGEST)])
    .default(fallback)
    .meta({ description, form, intOrString: true, rules: [rule] });
}

/** Of so many; a share is rounded up. */
export function countOf(value: CountOrShare, all: number): number {
  if (typeof value === 'number') return value;
  return Math.ceil((Number.parseInt(value, 10) / 100) * all);
}
