import { ApiError } from './api-error.ts';

export type Query = Readonly<Record<string, unknown>>;

/** Throws `ApiError` when the query has others than these: a typing error must not look served. */
export function readNames(query: Query, known: readonly string[]): void {
  if (Object.keys(query).every((name) => known.includes(name))) return;
  const may = known.length === 0 ? 'must be empty' : `may hold ${known.join(', ')}`;
  throw new ApiError('bad_request', `the query ${may}`);
}
