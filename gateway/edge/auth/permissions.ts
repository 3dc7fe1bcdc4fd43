import { isFields } from '../../../protocol/fields.ts';
import { compilePatterns, type TopicPattern } from '../../../protocol/topic-pattern.ts';
import type { Identity } from '../identity.ts';

/** What an identity may do. */
export type Permissions = Pick<Identity, 'maySubscribe' | 'mayPublish' | 'mayManageUsers'>;

/** The claim that carries permissions. */
export const CLAIM = 'wsc';

const MAX_PATTERNS = 64;
const MAX_LENGTH = 256;
/** Lists of patterns that are kept compiled; many tokens carry the same ones. */
const MAX_COMPILED = 1_000;

const everything = () => true;
const nothing = () => false;

/** Every topic. */
export const full: Permissions = {
  maySubscribe: everything,
  mayPublish: everything,
  mayManageUsers: false,
};
export const readOnly: Permissions = { ...full, mayPublish: nothing };
/** An application that serves the users. */
export const application: Permissions = { ...full, mayManageUsers: true };

/**
 * The form of the claim: `{ sub: [patterns], pub: [patterns], users: true }`; what is absent is not
 * granted.
 */
export interface Grant {
  readonly sub: readonly string[];
  readonly pub: readonly string[];
  readonly users?: boolean;
}

/** Turns claims into permissions. */
export class PermissionReader {
  readonly #fallback: Grant;
  readonly #compiled = new Map<string, TopicPattern>();

  /** `fallback`: what a token without the claim gets. */
  constructor(fallback: Grant) {
    this.#fallback = fallback;
  }

  /** The permissions, or in words why the claim is not one: such a token is not valid at all. */
  read(claim: unknown): Permissions | string {
    const grant = claim === undefined ? this.#fallback : grantOf(claim);
    if (typeof grant === 'string') return grant;
    const { sub, pub, users: mayManageUsers = false } = grant;
    return { maySubscribe: this.#compile(sub), mayPublish: this.#compile(pub), mayManageUsers };
  }

  #compile(patterns: readonly string[]): TopicPattern {
    if (patterns.length === 0) return nothing;
    const key = JSON.stringify(patterns);
    const known = this.#compiled.get(key);
    if (known !== undefined) return known;
    const any = compilePatterns(patterns);
    this.#compiled.set(key, any);
    if (this.#compiled.size > MAX_COMPILED) {
      const oldest = this.#compiled.keys().next();
      if (oldest.done !== true) this.#compiled.delete(oldest.value);
    }
    return any;
  }
}

function grantOf(claim: unknown): Grant | string {
  if (!isFields(claim)) return `${CLAIM} is an object with sub, pub and users`;
  const { sub = [], pub = [], users = false } = claim;
  if (typeof users !== 'boolean') return `${CLAIM}.users is true or false`;
  const problem = listProblem('sub', sub) ?? listProblem('pub', pub);
  return problem ?? { sub: sub as string[], pub: pub as string[], users };
}

function listProblem(name: string, list: unknown): string | undefined {
  if (!Array.isArray(list) || list.length > MAX_PATTERNS) {
    return `${CLAIM}.${name} is a list of at most ${MAX_PATTERNS} patterns`;
  }
  const good = list.every(
    (item) => typeof item === 'string' && item.length > 0 && item.length <= MAX_LENGTH,
  );
  return good ? undefined : `${CLAIM}.${name}: a pattern has 1 to ${MAX_LENGTH} characters`;
}
