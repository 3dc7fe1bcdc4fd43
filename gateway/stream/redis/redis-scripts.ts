import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { StreamSettings } from '../../settings/declaration.ts';
import { chainBounds } from '../chain.ts';

/**
 * The scripts in `lua/`, ready to be loaded. `--@include name` is replaced by that file; what
 * settings decide is written into the text as constants, so that a call carries only its own.
 */
export interface Script<Name extends string = string> {
  readonly name: Name;
  readonly text: string;
  readonly sha: string;
}

const NAMES = [
  'publish',
  'resume',
  'report',
  'probe',
  'leave',
  'session-open',
  'session-forget',
  'session-save',
] as const;

export type ScriptName = (typeof NAMES)[number];
export type Scripts = Readonly<Record<ScriptName, Script<ScriptName>>>;

/** Lives are prolonged, and old entries cut, this many times per retention. */
const STEPS_PER_RETENTION = 8;
/** Trimming by count is for every so many entries: Redis trims whole nodes of about 100 anyway. */
const ENTRIES_PER_TRIM = 64;
/** Positions carry whole seconds: a key must outlive every position that is judged by it. */
const META_SLACK_MS = 2_000;
/** Who was heard of within so many intervals before a change of lineage is waited for. */
const MEMBER_INTERVALS = 10;
/** Who was not heard of for so many intervals is forgotten. */
const FORGET_INTERVALS = 100;

/** Sessions forgotten by one opening, so that Redis is not held up. */
const FORGET_AT_ONCE = 4;

export function redisScripts(settings: StreamSettings): Scripts {
  return luaScripts(new URL('lua/', import.meta.url), NAMES, constants(settings));
}

/** The scripts of a folder, each with these constants before its text. */
export function luaScripts<Name extends string>(
  folder: URL,
  names: readonly Name[],
  values: Readonly<Record<string, number>>,
): Readonly<Record<Name, Script<Name>>> {
  const preamble = Object.entries(values)
    .map(([name, value]) => `local ${name} = ${value}\n`)
    .join('');
  const scripts = names.map((name): [Name, Script<Name>] => {
    const text = preamble + source(folder, name);
    return [name, { name, text, sha: createHash('sha1').update(text).digest('hex') }];
  });
  return Object.fromEntries(scripts) as Record<Name, Script<Name>>;
}

function constants(settings: StreamSettings): Readonly<Record<string, number>> {
  const retentionMs = settings.retentionS * 1000;
  return {
    RETENTION_MS: retentionMs,
    STEP_MS: Math.floor(retentionMs / STEPS_PER_RETENTION),
    META_MS: 2 * retentionMs + META_SLACK_MS,
    MAX_ENTRIES: settings.retentionEntries,
    TRIM_EVERY: ENTRIES_PER_TRIM,
    INLINE_BYTES: settings.inlineBytes,
    WINDOW_MS: settings.idempotencyWindowS * 1000,
    WINDOW_ENTRIES: settings.idempotencyEntries,
    SETTLE_MS: settings.settleMs,
    MEMBER_MS: MEMBER_INTERVALS * settings.probeIntervalMs,
    FORGET_MS: FORGET_INTERVALS * settings.probeIntervalMs,
    SESSIONS: settings.sessionsPerIdentity,
    FORGET_AT_ONCE,
    CHAIN_LINKS: chainBounds.links,
    CHAIN_EPOCHS: chainBounds.epochsPerLink,
  };
}

/** The file without its comments, which Redis would only keep in memory. */
function source(folder: URL, name: string): string {
  const text = readFileSync(new URL(`${name}.lua`, folder), 'utf8');
  return text
    .split('\n')
    .map((line) => {
      const included = /^\s*--@include (\S+)$/.exec(line)?.[1];
      return included === undefined ? line : source(folder, included);
    })
    .filter((line) => !/^\s*(--.*)?$/.test(line))
    .join('\n');
}
