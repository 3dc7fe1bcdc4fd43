import { type Problem, SettingsError } from './problem.ts';

interface Closable {
  close(): void;
}

/**
 * Opens what settings name, all of it at once. Rejects with one SettingsError that has everything
 * that is wrong; what could be opened is closed then.
 */
export async function openAll<T extends { readonly [name: string]: Closable | undefined }>(
  opening: { readonly [K in keyof T]: Promise<T[K]> },
): Promise<T> {
  const names = Object.keys(opening);
  const ends = await Promise.allSettled(names.map((name) => opening[name]));
  const opened: Record<string, Closable | undefined> = {};
  const problems: Problem[] = [];
  const others: unknown[] = [];
  for (const [index, end] of ends.entries()) {
    if (end.status === 'fulfilled') opened[names[index] ?? ''] = end.value;
    else if (end.reason instanceof SettingsError) problems.push(...end.reason.problems);
    else others.push(end.reason);
  }
  if (problems.length === 0 && others.length === 0) return opened as T;
  for (const one of Object.values(opened)) one?.close();
  throw others.length > 0 ? others[0] : new SettingsError(problems);
}
