import { catalogue } from '../../gateway/settings/catalogue.ts';
import { wsClusterSpec } from './spec.ts';
import { type Declared, declared } from './structural-schema.ts';
import type { WsClusterSpec } from './wscluster.ts';

const variables = new Map(catalogue.map(({ name, variable }) => [name, variable]));

/** The environment variable of a gateway's setting. Throws for a name that is none. */
export function variableOf(setting: string): string {
  const variable = variables.get(setting);
  if (variable === undefined) throw new Error(`there is no setting ${setting}`);
  return variable;
}

const declaration = declared(wsClusterSpec);

/**
 * What a spec says to its gateways, as the environment variables that they read: every field that
 * is declared as a setting and has a value. Defaults are in it, so that gateways of another
 * version have the same.
 */
export function gatewayVariables(spec: WsClusterSpec): Readonly<Record<string, string>> {
  return Object.fromEntries(collected(declaration, spec));
}

function collected(field: Declared, value: unknown): [string, string][] {
  if (value === undefined || value === null) return [];
  if (field.setting !== undefined) {
    const text = textOf(field, value);
    return text === '' ? [] : [[variableOf(field.setting), text]];
  }
  return Object.entries(field.properties ?? {}).flatMap(([name, member]) =>
    collected(member, (value as Readonly<Record<string, unknown>>)[name]),
  );
}

function textOf({ scale = 1 }: Declared, value: unknown): string {
  if (Array.isArray(value)) return value.join(',');
  return typeof value === 'number' ? String(value * scale) : String(value);
}
