import { createPrivateKey } from 'node:crypto';
import { MoveTokens } from '../../gateway/edge/move-tokens.ts';
import type { Elsewhere, Placement } from '../../gateway/edge/placement.ts';
import { PodKeys, publicHalf } from '../../gateway/edge/pod-keys.ts';
import type { Clock } from '../../protocol/clock.ts';

const MOVES_PER_SECOND = 20;

/** A private Ed25519 key as DER is this and 32 bytes: one for all, the same in each run. */
const DER = Buffer.from('302e020100300506032b657004220420', 'hex');
export const privateKey = createPrivateKey({
  key: Buffer.concat([DER, Buffer.alloc(32, 7)]),
  format: 'der',
  type: 'pkcs8',
});
export const publicKey = publicHalf(privateKey);

export const moveTokensOf = (pod: string, clock: Clock): MoveTokens =>
  new MoveTokens({ pod, cluster: 'sim', privateKey, keys: new PodKeys(() => publicKey), clock });

/** Everybody is at home where it arrives, until all who can move are sent to another gateway. */
export class SimulatedPlacement implements Placement {
  readonly key = { from: 'sub', name: '' } as const;
  readonly alone = false;
  readonly proxies = false;
  readonly redirects = true;
  readonly ring = undefined;
  readonly hasPlace = true;
  version = 0;
  #target: Elsewhere | undefined;

  isHere(): boolean {
    return this.#target === undefined;
  }

  elsewhere(): Elsewhere | undefined {
    return this.#target;
  }

  refuge(): Elsewhere | undefined {
    return this.#target;
  }

  owner(): undefined {
    return undefined;
  }

  hasLeft(): boolean {
    return false;
  }

  share(): number {
    return MOVES_PER_SECOND;
  }

  /** Undefined: whoever comes stays. */
  send(target: Elsewhere | undefined): void {
    this.#target = target;
    this.version += 1;
  }
}
