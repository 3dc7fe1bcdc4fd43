import { attempt, type CommandOptions, type Outcome, run } from './command.ts';

/** kubectl for one cluster. */
export interface Kubectl {
  /** Its standard output. Throws with what it said when it fails. */
  (...args: readonly string[]): Promise<string>;
  /** Whatever comes of it; never rejects. */
  attempt(...args: readonly string[]): Promise<Outcome>;
  /** `kubectl apply` of objects. Throws when the API server refuses one. */
  apply(...objects: readonly object[]): Promise<string>;
  /** A command that reads an object with `-f -`. Throws when it fails. */
  piped(args: readonly string[], object: object): Promise<string>;
  /** The same, whatever comes of it; never rejects. */
  attemptPiped(args: readonly string[], object: object): Promise<Outcome>;
  /** POSTs an object to a path of the API. Throws when the API server refuses it. */
  create(path: string, object: object): Promise<string>;
  /** POSTs or PUTs one; what comes of it, with all that the API server says. Never rejects. */
  send(verb: 'create' | 'replace', path: string, object: object): Promise<Outcome>;
  /** What `kubectl get -o json` says. */
  get(...args: readonly string[]): Promise<unknown>;
}

/** Longer than the longest `kubectl wait --timeout` of a test. */
const DEADLINE_MS = 300_000;

/** `program`: default the one on the path. */
export function kubectl(kubeconfig: string, program = 'kubectl'): Kubectl {
  const options: CommandOptions = { env: { KUBECONFIG: kubeconfig }, deadlineMs: DEADLINE_MS };
  const call = (...args: readonly string[]) => run(program, args, options);
  return Object.assign(call, {
    attempt: (...args: readonly string[]) => attempt(program, args, options),
    apply: (...objects: readonly object[]) => {
      const input = JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects });
      return run(program, ['apply', '-f', '-'], { ...options, input });
    },
    piped: (args: readonly string[], object: object) =>
      run(program, args, { ...options, input: JSON.stringify(object) }),
    attemptPiped: (args: readonly string[], object: object) =>
      attempt(program, args, { ...options, input: JSON.stringify(object) }),
    create: (path: string, object: object) =>
      run(program, ['create', '--raw', path, '-f', '-'], {
        ...options,
        input: JSON.stringify(object),
      }),
    send: (verb: 'create' | 'replace', path: string, object: object) =>
      attempt(program, [verb, '--raw', path, '-f', '-'], {
        ...options,
        input: JSON.stringify(object),
      }),
    get: async (...args: readonly string[]): Promise<unknown> =>
      JSON.parse(await call('get', '-o', 'json', ...args)),
  });
}
