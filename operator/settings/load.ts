import type { Field } from '../../gateway/settings/field-catalogue.ts';
import { nearest } from '../../gateway/settings/nearest.ts';
import { catalogue, VARIABLE_PREFIX } from './catalogue.ts';
import { type OperatorSettings, operatorSettings } from './declaration.ts';

/** The settings cannot be used: a line for each thing that is wrong, with what would be right. */
export class OperatorSettingsError extends Error {
  override readonly name = 'OperatorSettingsError';
}

const SHOWN_CHARACTERS = 80;

/**
 * All settings, from environment variables, checked and completed. An empty variable counts as not
 * given.
 *
 * @throws OperatorSettingsError with everything that is wrong.
 */
export function loadOperatorSettings(
  env: Readonly<Record<string, string | undefined>>,
): OperatorSettings {
  const input: Record<string, unknown> = {};
  const problems: string[] = [];
  for (const [variable, text = ''] of Object.entries(env)) {
    if (!variable.startsWith(VARIABLE_PREFIX)) continue;
    const field = catalogue.find((one) => one.variable === variable);
    if (field === undefined) problems.push(unknown(variable));
    else if (text !== '') input[field.name] = readValue(field, text);
  }
  const parsed = operatorSettings.safeParse(input);
  const wrong = new Set(parsed.error?.issues.map(({ path }) => String(path[0])));
  for (const field of catalogue.filter(({ name }) => wrong.has(name))) {
    const shown = JSON.stringify(env[field.variable]).slice(0, SHOWN_CHARACTERS);
    problems.push(`${field.variable}: ${field.wanted}, not ${shown}`);
  }
  if (parsed.data !== undefined && problems.length === 0) return Object.freeze(parsed.data);
  throw new OperatorSettingsError(problems.join('\n'));
}

function unknown(variable: string): string {
  const likely = nearest(
    variable,
    catalogue.map((field) => field.variable),
  );
  const hint = likely === undefined ? '' : `; did you mean ${likely}?`;
  return `${variable}: there is no such variable${hint}`;
}

function readValue({ kind }: Field, text: string): unknown {
  if (kind === 'words') return text.split(',').map((word) => word.trim());
  return kind === 'integer' && /^\d{1,15}$/.test(text) ? Number(text) : text;
}
