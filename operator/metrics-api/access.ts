import { createHash } from 'node:crypto';
import type { Clock } from '../../protocol/clock.ts';
import type { ApiServer } from '../kube/connection.ts';
import { isRecord } from '../kube/objects.ts';
import { remember } from '../kube/remember.ts';
import { pathOf, type Resource } from '../kube/resource.ts';
import type { Identity } from './front-proxy.ts';
import { unavailable } from './refusal.ts';

export const subjectAccessReviews: Resource = {
  ...{ group: 'authorization.k8s.io', version: 'v1', plural: 'subjectaccessreviews' },
  ...{ kind: 'SubjectAccessReview', namespaced: false },
};
export const tokenReviews: Resource = {
  ...{ group: 'authentication.k8s.io', version: 'v1', plural: 'tokenreviews' },
  ...{ kind: 'TokenReview', namespaced: false },
};

/** What somebody would do, as RBAC has it. */
export interface Attempt {
  readonly verb: string;
  readonly group: string;
  readonly resource: string;
  readonly namespace: string;
  readonly name?: string;
}

export interface AccessOptions {
  readonly api: Pick<ApiServer, 'call'>;
  readonly clock: Clock;
}

/** As the API server's own libraries remember: long enough for a burst, short for a change. */
const REMEMBERED_MS = 10_000;
const REMEMBERED = 1_000;
const ASK_MS = 8_000;
/** They may do everything, and the API server that speaks for itself is one of them. */
const MASTERS = 'system:masters';

interface Answer<T> {
  readonly at: number;
  readonly value: Promise<T>;
}

/** Asks the API server who a token is, and what somebody may do. Rejects with a `Refusal`. */
export class Access {
  readonly #options: AccessOptions;
  readonly #rights = new Map<string, Answer<boolean>>();
  readonly #tokens = new Map<string, Answer<Identity | undefined>>();

  constructor(options: AccessOptions) {
    this.#options = options;
  }

  async may(identity: Identity, attempt: Attempt): Promise<boolean> {
    const { username, uid, groups, extra } = identity;
    if (groups.includes(MASTERS)) return true;
    const { group, resource, namespace, name, verb } = attempt;
    const resourceAttributes = { group, resource, namespace, name, verb };
    const spec = { user: username, uid, groups, extra, resourceAttributes };
    return this.#remembered(this.#rights, JSON.stringify(spec), async () => {
      const status = await this.#review(subjectAccessReviews, spec);
      return status['allowed'] === true;
    });
  }

  /** Undefined: of nobody. */
  async whoHas(token: string): Promise<Identity | undefined> {
    // It is not kept: who reads the memory of this program gains nothing.
    const key = createHash('sha256').update(token).digest('base64');
    return this.#remembered(this.#tokens, key, async () => {
      const { authenticated, user } = await this.#review(tokenReviews, { token });
      return authenticated === true ? identityIn(user) : undefined;
    });
  }

  async #review(resource: Resource, spec: object): Promise<Readonly<Record<string, unknown>>> {
    const body = { apiVersion: `${resource.group}/v1`, kind: resource.kind, spec };
    const call = { method: 'POST', path: pathOf(resource), body, deadlineMs: ASK_MS } as const;
    try {
      const answer = await this.#options.api.call(call);
      if (isRecord(answer) && isRecord(answer['status'])) return answer['status'];
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      throw unavailable(`the API server did not answer a ${resource.kind}: ${why}`);
    }
    throw unavailable(`the API server did not answer a ${resource.kind} with one`);
  }

  /** Who asks while somebody does gets the same answer; what failed is not remembered. */
  #remembered<T>(answers: Map<string, Answer<T>>, key: string, ask: () => Promise<T>): Promise<T> {
    const now = this.#options.clock.now();
    const known = answers.get(key);
    if (known !== undefined && now - known.at < REMEMBERED_MS) return known.value;
    const value = ask();
    remember(answers, [key, { at: now, value }], REMEMBERED);
    value.catch(() => {
      if (answers.get(key)?.value === value) answers.delete(key);
    });
    return value;
  }
}

function identityIn(user: unknown): Identity | undefined {
  if (!isRecord(user) || typeof user['username'] !== 'string') return undefined;
  const { username, uid, groups, extra } = user;
  return {
    username,
    uid: typeof uid === 'string' ? uid : undefined,
    groups: textsIn(groups),
    extra: isRecord(extra)
      ? Object.fromEntries(Object.entries(extra).map(([key, values]) => [key, textsIn(values)]))
      : {},
  };
}

const textsIn = (value: unknown): string[] =>
  Array.isArray(value) ? value.filter((one) => typeof one === 'string') : [];
