import { catalogue } from './catalogue.ts';

/** One thing that is wrong with what was given. */
export interface Problem {
  /** How it was given: `--port`, `WSCLUSTER_PORT`, or the setting's name where neither was. */
  readonly field: string;
  /** As it was given; `(hidden)` for secrets; absent where there is no value to show. */
  readonly value?: string;
  /** What would be right. */
  readonly wanted: string;
}

const SHOWN_CHARACTERS = 80;

export function problemLine({ field, value, wanted }: Problem): string {
  if (value === undefined) return `${field}: ${wanted}`;
  return `${field}: ${wanted}, not ${value}`;
}

/** A value as a message may show it: without control characters, cut, and never a secret. */
export function shown(value: string, secret: boolean): string {
  if (secret) return '(hidden)';
  const text = JSON.stringify(value);
  return text.length <= SHOWN_CHARACTERS ? text : `${text.slice(0, SHOWN_CHARACTERS)}…`;
}

/** The settings cannot be used. Carries everything that is wrong, not only the first. */
export class SettingsError extends Error {
  override readonly name = 'SettingsError';
  readonly problems: readonly Problem[];

  constructor(problems: readonly Problem[]) {
    super(problems.map(problemLine).join('\n'));
    this.problems = problems;
  }
}

/**
 * What a setting names was read and cannot be used. `where`: the path of its file, or undefined for
 * a secret that the setting itself holds. `why` quotes nothing of it.
 */
export function unusable(name: string, where: string | undefined, why: string): SettingsError {
  const wanted = catalogue.find((field) => field.name === name)?.wanted ?? 'what is right';
  const value = where === undefined ? shown('', true) : shown(where, false);
  return new SettingsError([{ field: name, value: `${value}: ${why}`, wanted }]);
}
