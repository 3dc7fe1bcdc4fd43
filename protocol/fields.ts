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
  if (typeof value === 'number' || typeof value === 'boolean' || value === null) return `${value}`;
  return kind(value);
}

/** Of what kind `value` is, and how long; nothing of what is in it. */
function kind(value: unknown): string {
  if (typeof value === 'string') return `a string of ${value.length}`;
  if (Array.isArray(value)) return `a list of ${value.length}`;
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}

function refuse(name: string, wanted: string, value: unknown): never {
  throw new Refusal('bad_request', `${name}: ${wanted}, not ${shown(value)}`);
}

export function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A whole number from `min` to 2^53−1. */
export function integer(fields: Fields, name: string, min: number): number {
  const value = fields[name];
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= min) return value;
  return refuse(name, `a whole number from ${min}`, value);
}

/** Any finite number. */
export function finite(fields: Fields, name: string): number {
  const value = fields[name];
  if (typeof value === 'number' && Number.isFinite(value)) return value;
  return refuse(name, 'a number', value);
}

export function flag(fields: Fields, name: string): boolean {
  const value = fields[name];
  return typeof value === 'boolean' ? value : refuse(name, 'true or false', value);
}

export function text(fields: Fields, name: string, maxLength: number): string {
  const value = fields[name];
  if (typeof value === 'string' && value.length > 0 && value.length <= maxLength) return value;
  return refuse(name, `a string of 1 to ${maxLength} characters`, value);
}

/** As `text`, for what no message and no log may show. */
export function secret(fields: Fields, name: string, maxLength: number): string {
  const value = fields[name];
  if (typeof value === 'string' && value.length > 0 && value.length <= maxLength) return value;
  const wanted = `a string of 1 to ${maxLength} characters`;
  throw new Refusal('bad_request', `${name}: ${wanted}, not ${kind(value)}`);
}

const NAME = /^[0-9A-Za-z_-]{1,64}$/;

/** Whether `value` may name a session or a producer. */
export function isName(value: unknown): value is string {
  return typeof value === 'string' && NAME.test(value);
}

/** A session or producer id. */
export function identifier(fields: Fields, name: string): string {
  const value = fields[name];
  if (isName(value)) return value;
  return refuse(name, `1 to ${limits.nameLength} of 0-9 A-Z a-z _ -`, value);
}

export function oneOf<T extends string>(fields: Fields, name: string, values: readonly T[]): T {
  const value = fields[name];
  const found = values.find((candidate) => candidate === value);
  return found ?? refuse(name, `one of ${values.join(', ')}`, value);
}

export function topic(value: unknown, where: string): string {
  const problem = topicProblem(value);
  if (problem !== undefined) {
    throw new Refusal('bad_topic', `${where}: ${problem}, not ${shown(value)}`);
  }
  return value as string;
}

export function position(value: unknown, where: string): Position {
  const parsed = parsePosition(value);
  if (parsed !== undefined) return parsed;
  throw new Refusal('bad_position', `${where}: epoch:seq@seconds, not ${shown(value)}`);
}

/** Each item of a list of 1 to `max`, read by `read`. */
export function list<T>(value: unknown, where: string, read: ListOf<T>): readonly T[] {
  if (!Array.isArray(value) || value.length < read.min || value.length > read.max) {
    return refuse(where, `a list of ${read.min} to ${read.max}`, value);
  }
  return value.map((item, index) => read.item(item, `${where}[${index}]`));
}

export interface ListOf<T> {
  readonly min: number;
  readonly max: number;
  readonly item: (value: unknown, where: string) => T;
}

/** `{ name: read() }` when the frame has the member, otherwise nothing. */
export function optional<Name extends string, T>(
  fields: Fields,
  name: Name,
  read: (fields: Fields, name: Name) => T,
): { readonly [key in Name]?: T } {
  if (fields[name] === undefined) return {};
  return { [name]: read(fields, name) } as { readonly [key in Name]?: T };
}

/** The request number of a frame that was refused, when it can still be read. */
export function requestId(fields: unknown): number | undefined {
  if (!isFields(fields)) return undefined;
  const id = fields['id'];
  return typeof id === 'number' && Number.isSafeInteger(id) && id >= 1 ? id : undefined;
}
