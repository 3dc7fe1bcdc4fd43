import { isIP } from 'node:net';
import { hostname } from 'node:os';
import { catalogue } from './catalogue.ts';
import {
  type GivenSettings,
  gatewaySettings,
  type Settings,
  type SettingsInput,
} from './declaration.ts';
import type { Field } from './field-catalogue.ts';
import { idempotencyWindowS } from './idempotency.ts';
import { type Problem, SettingsError, shown } from './problem.ts';
import { brokenRelations } from './relations.ts';
import { type Given, readArguments, readEnvironment } from './sources.ts';

export interface Sources {
  /** Options, without the program's own name. They win over variables. */
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** Whether somebody only wants to know what there is. */
export function asksForHelp(argv: readonly string[]): boolean {
  return argv.includes('--help') || argv.includes('-h');
}

export interface ReadSettings {
  /**
   * What is right by itself, with defaults for the rest; in force only where nothing is wrong, else
   * good for finding out what more is. Undefined where not even that can be told.
   */
  readonly settings: Settings | undefined;
  readonly problems: readonly Problem[];
}

/**
 * All settings of one gateway, checked, completed and frozen.
 *
 * @throws SettingsError with everything that is wrong.
 */
export function loadSettings(sources: Sources): Settings {
  return orThrow(readSettings(sources));
}

/** The same for who wants to know what is wrong with the files that they name, too. */
export function readSettings({ argv, env }: Sources): ReadSettings {
  const fromArguments = readArguments(argv);
  const fromEnvironment = readEnvironment(env);
  const given = new Map<string, Given>();
  for (const one of [...fromEnvironment.given, ...fromArguments.given]) {
    given.set(one.field.name, one);
  }
  const problems = [...fromArguments.problems, ...fromEnvironment.problems];
  const input = inputOf(given.values());
  return settle(input, { given, problems, podIp: env['POD_IP'] });
}

/**
 * The same from an object, for gateways inside another program.
 *
 * @throws SettingsError with everything that is wrong.
 */
export function settingsFrom(input: SettingsInput): Settings {
  return orThrow(settle(input, { given: new Map(), problems: [], podIp: undefined }));
}

function orThrow({ settings, problems }: ReadSettings): Settings {
  if (settings === undefined || problems.length > 0) throw new SettingsError(problems);
  return settings;
}

/** The nested object that the texts stand for. */
function inputOf(given: Iterable<Given>): Record<string, unknown> {
  const input: Record<string, unknown> = {};
  for (const { field, text } of given) {
    const [first = '', second] = field.path;
    if (second === undefined) {
      input[first] = parsedValue(field, text);
    } else {
      const section = (input[first] ?? {}) as Record<string, unknown>;
      input[first] = { ...section, [second]: parsedValue(field, text) };
    }
  }
  return input;
}

/** The value that a text stands for; the text itself where it stands for none. */
function parsedValue(field: Field, text: string): unknown {
  switch (field.kind) {
    case 'integer':
      return /^\d{1,15}$/.test(text) ? Number(text) : text;
    case 'boolean':
      return text === 'true' || text === 'false' ? text === 'true' : text;
    case 'words':
      return text.split(',').map((word) => word.trim());
    case 'text':
      return text;
  }
}

interface Origin {
  readonly given: ReadonlyMap<string, Given>;
  readonly problems: readonly Problem[];
  /** Under this name a pod's own address is commonly given to it on Kubernetes. */
  readonly podIp: string | undefined;
}

function settle(input: object, { given, problems, podIp }: Origin): ReadSettings {
  const parsed = gatewaySettings.safeParse(input);
  if (parsed.success) {
    const settings = deepFreeze(completed(parsed.data, podIp));
    return { settings, problems: [...problems, ...brokenRelations(settings, new Set())] };
  }
  const reasons = reasonsBySetting(parsed.error.issues);
  const names = new Set(reasons.keys());
  const refused = [...reasons].map(([name, why]) => {
    const problem = refusal(name, given.get(name), input);
    return why.length === 0
      ? problem
      : { ...problem, value: `${problem.value}: ${why.join('; ')}` };
  });
  // What is right by itself may still be wrong together: that is said now, not in a second round.
  const rest = gatewaySettings.safeParse(without(input, names));
  const settings = rest.success ? deepFreeze(completed(rest.data, podIp)) : undefined;
  const broken = settings === undefined ? [] : brokenRelations(settings, names);
  return { settings, problems: [...problems, ...refused, ...broken] };
}

/** With the defaults that follow from other settings. */
function completed({ pod, adminPort, ...rest }: GivenSettings, podIp?: string): Settings {
  const { port, admin, ring, redis, stream, edge } = rest;
  const name = pod ?? defaultPod(port);
  const address = ring.address ?? addressOf(podIp, port);
  return {
    ...rest,
    pod: name,
    adminPort: adminPort ?? (port === 0 ? 0 : port + 1_000),
    admin: { ...admin, audience: admin.audience ?? name },
    stream: { ...stream, idempotencyWindowS: idempotencyWindowS(stream, edge) },
    ring: {
      ...ring,
      ...(address === undefined ? {} : { address }),
      // Its end, where a prefix names what is unlike everything else.
      cluster: ring.cluster ?? redis.keyPrefix.replace(/[^0-9A-Za-z-]/g, '-').slice(-64),
      zone: ring.zone ?? '',
    },
  };
}

function addressOf(podIp: string | undefined, port: number): string | undefined {
  // With port 0 nobody knows it before the gateway listens.
  if (podIp === undefined || port === 0 || isIP(podIp) === 0) return undefined;
  return isIP(podIp) === 6 ? `[${podIp}]:${port}` : `${podIp}:${port}`;
}

/** The input without these settings. */
function without(input: object, names: ReadonlySet<string>): object {
  const members = Object.entries(input).flatMap(([key, value]: [string, unknown]) => {
    if (names.has(key)) return [];
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return [[key, value]];
    const kept = Object.entries(value).filter(([name]) => !names.has(`${key}.${name}`));
    return [[key, Object.fromEntries(kept)]];
  });
  return Object.fromEntries(members);
}

function defaultPod(port: number): string {
  const host = hostname().replace(/[^\w.-]/g, '-');
  return `${host.slice(0, 57)}-${port}`;
}

/** The settings that are wrong, each with what its own reader says of it, if it has one. */
function reasonsBySetting(issues: readonly Issue[]): Map<string, string[]> {
  const reasons = new Map<string, string[]>();
  for (const { path, code, message } of issues) {
    const name = settingAt(path);
    const found = reasons.get(name) ?? [];
    reasons.set(name, code === 'custom' && message !== UNSAID ? [...found, message] : found);
  }
  return reasons;
}

interface Issue {
  readonly path: readonly PropertyKey[];
  readonly code: string;
  readonly message: string;
}

/** The message of a check that gives none of its own. */
const UNSAID = 'Invalid input';

/** The name of the setting at or above a place in the input. */
function settingAt(path: readonly PropertyKey[]): string {
  const names = path.filter((part) => typeof part === 'string');
  return names.slice(0, 2).join('.');
}

function refusal(name: string, given: Given | undefined, input: unknown): Problem {
  const field = catalogue.find((candidate) => candidate.name === name);
  if (field === undefined) return { field: name || 'settings', wanted: unknownMember(name) };
  if (given === undefined) {
    const value = shown(String(valueAt(input, field.path)), field.secret);
    return { field: name, value, wanted: field.wanted };
  }
  // Kubernetes gives every pod variables about the Services of its namespace.
  const injected = given.source === field.variable && given.text.startsWith('tcp://');
  const note = injected ? ' (from a Service named wscluster? set enableServiceLinks: false)' : '';
  return {
    field: given.source,
    value: shown(given.text, field.secret) + note,
    wanted: field.wanted,
  };
}

function unknownMember(name: string): string {
  return name === ''
    ? 'has a member that is no setting'
    : 'is no setting, or has an unknown member';
}

function valueAt(input: unknown, path: readonly string[]): unknown {
  let value = input;
  for (const part of path) value = (value as Record<string, unknown> | undefined)?.[part];
  return value;
}

function deepFreeze<T extends object>(value: T): T {
  for (const member of Object.values(value)) {
    if (typeof member === 'object' && member !== null) deepFreeze(member);
  }
  return Object.freeze(value);
}
