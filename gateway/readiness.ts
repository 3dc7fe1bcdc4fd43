import type { Check } from './admin/admin-api.ts';
import type { Lacking } from './start-wait.ts';
import type { StreamHealth } from './stream/stream.ts';

/** What being ready depends on, as it is now. */
export interface Conditions {
  readonly started: boolean;
  /** What the start waits for. */
  readonly lacking: readonly Lacking[];
  /** Undefined before there is a stream. */
  readonly stream: Pick<StreamHealth, 'connected' | 'unsuitable'> | undefined;
  /** Whether tokens can be verified; undefined before that can be told. */
  readonly keys: boolean | undefined;
  readonly draining: Check;
  /** Peers reach Redis, this gateway does not. */
  readonly cutOff: boolean;
}

/** The conditions of being ready, each by its name and with its reason. */
export function readiness(conditions: Conditions): readonly Check[] {
  const { started, lacking, stream, keys, draining, cutOff } = conditions;
  const { connected = false, unsuitable = [] } = stream ?? {};
  return [
    check('started', started, lacking.map(({ reason }) => reason).join('; ')),
    // Needed to become ready only: an outage of Redis must not empty the Service.
    check(
      'redis',
      started || connected,
      // What of this Redis is no reason not to be ready may still weaken what is promised.
      connected ? unsuitable.join('; ') : 'cannot be reached now',
    ),
    check('keys', keys === true, keys === false ? 'the JWK Set is not there' : ''),
    draining,
    check('cut-off', !cutOff, cutOff ? 'peers reach Redis, this gateway does not' : ''),
  ];
}

const check = (name: string, ok: boolean, detail: string): Check =>
  detail === '' ? { name, ok } : { name, ok, detail };
