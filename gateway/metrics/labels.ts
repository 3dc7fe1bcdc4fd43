import { type ErrorName, errorCodes } from '../../protocol/codes.ts';
import type { Outcome } from '../stream/stream.ts';
import { allOf, type Label } from './series.ts';

/** Labels that several parts count by. */

export const codes: Label<ErrorName> = {
  label: 'code',
  values: Object.keys(errorCodes) as ErrorName[],
};
export const outcomes: Label<Outcome['outcome']> = {
  label: 'outcome',
  values: allOf({ ok: true, failed: true, unknown: true }),
};
