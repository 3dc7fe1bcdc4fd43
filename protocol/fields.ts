import * as limits from './limits.ts';
import { type Position, parsePosition } from './position.ts';
import { Refusal } from './refusal.ts';
import { topicProblem } from './topic.ts';

/** The members of a decoded frame, not yet trusted. */
export type Fields = Readonly<Record<string, unknown>>;

/** What of `value` a message may show: enough to recognise it, never a whole payload. */
function shown(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (typeof value === 'string') return JSON.stringify(value.slice(0, 40));
  return value === null || typeof value !== 'object' ? String(value) : kind(value);
}

/** Of what kind `value` is, and how long; nothing of what is in it. */
function kind(value: unknown): string {
  if (typeof value === 'string') return `a string of ${value.length}`;
  if (Array.isArray(value)) return `a list of ${value.length}`;
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}

function refuse(where: string, wanted: string, value: unknown): never {
  throw new Refusal('bad_request', `${where}: ${wanted}, not ${shown(value)}`);
}

export function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The value as what it must be; `where` names it in the `Refusal` thrown otherwise. */
export type Read<T> = (value: unknown, where: string) => T;

/** A reader for each member of an object; `optional` for those that it may lack. */
export type Shape<T> = {
  readonly [Name in keyof T]-?: undefined extends T[Name]
    ? Read<T[Name] | undefined>
    : Read<T[Name]>;
};

/** The members of `fields` that `shape` names, read; others are ignored. */
export function members<T>(fields: Fields, shape: Shape<T>, at = ''): T {
  const found: Record<string, unknown> = {};
  for (const name in shape) {
    const value = shape[name](fields[name], at + name);
    if (value !== undefined) found[name] = value;
  }
  return found as T;
}

/** An object. */
export function object<T>(shape: Shape<T>): Read<T> {
  return (value, where) =>
    isFields(value)
      ? members(value, shape, `${where}.`)
      : refuse(where, `an object with ${Object.keys(shape).join(', ')}`, value);
}

/** What may be absent. */
export function optional<T>(read: Read<T>): Read<T | undefined> {
  return (value, where) => (value === undefined ? undefined : read(value, where));
}

/** Whether `value` is a whole number from `min` to 2^53−1. */
export function isWhole(value: unknown, min: number): value is number {
  return Number.isSafeInteger(value) && (value as number) >= min;
}

export function integer(min: number): Read<number> {
  return (value, where) =>
    isWhole(value, min) ? value : refuse(where, `a whole number from ${min}`, value);
}

/** Any finite number. */
export const finite: Read<number> = (value, where) =>
  typeof value === 'number' && Number.isFinite(value) ? value : refuse(where, 'a number', value);

export const flag: Read<boolean> = (value, where) =>
  typeof value === 'boolean' ? value : refuse(where, 'true or false', value);

/** Whether `value` is a string of 1 to `maxLength` characters. */
export function isText(value: unknown, maxLength: number): value is string {
  return typeof value === 'string' && value.length > 0 && value.length <= maxLength;
}

export function text(maxLength: number): Read<string> {
  return (value, where) =>
    isText(value, maxLength)
      ? value
      : refuse(where, `a string of 1 to ${maxLength} characters`, value);
}

/** As `text`, for what no message and no log may show. */
export function secret(maxLength: number): Read<string> {
  return (value, where) => {
    if (isText(value, maxLength)) return value;
    const wanted = `a string of 1 to ${maxLength} characters`;
    throw new Refusal('bad_request', `${where}: ${wanted}, not ${kind(value)}`);
  };
}

const NAME = /^[0-9A-Za-z_-]{1,64}$/;

/** Whether `value` may name a session or a producer. */
export function isName(value: unknown): value is string {
  return typeof value === 'string' && NAME.test(value);
}

/** A session or producer id. */
export const identifier: Read<string> = (value, where) =>
  isName(value) ? value : refuse(where, `1 to ${limits.nameLength} of 0-9 A-Z a-z _ -`, value);

export function oneOf<T extends string>(values: readonly T[]): Read<T> {
  return (value, where) =>
    values.find((candidate) => candidate === value) ??
    refuse(where, `one of ${values.join(', ')}`, value);
}

export const topic: Read<string> = (value, where) => {
  const problem = topicProblem(value);
  if (problem === undefined) return value as string;
  throw new Refusal('bad_topic', `${where}: ${problem}, not ${shown(value)}`);
};

export const position: Read<Position> = (value, where) => {
  const parsed = parsePosition(value);
  if (parsed !== undefined) return parsed;
  throw new Refusal('bad_position', `${where}: epoch:seq@seconds, not ${shown(value)}`);
};

/** Each item of a list of `min` to `max`. */
export function list<T>(min: number, max: number, read: Read<T>): Read<readonly T[]> {
  return (value, where) =>
    Array.isArray(value) && value.length >= min && value.length <= max
      ? value.map((item, index) => read(item, `${where}[${index}]`))
      : refuse(where, `a list of ${min} to ${max}`, value);
}

/** The request number of a frame that was refused, when it can still be read. */
export function requestId(fields: unknown): number | undefined {
  if (!isFields(fields)) return undefined;
  const id = fields['id'];
  return isWhole(id, 1) ? id : undefined;
}
