import type { RingVersion } from '../../protocol/ring.ts';
import { until } from '../deadline.ts';
import type { GatewayProcess } from './gateway-process.ts';

const ANSWER_MS = 5_000;
const AGREED_MS = 40_000;

/** What `/v1/ring` says, as far as tests look at it. */
export interface RingView {
  readonly version?: RingVersion;
  readonly digest?: string;
  readonly writer?: string;
  readonly members: readonly { readonly id: string; readonly shards: number }[];
}

const sharesOf = ({ members }: RingView) => members.map(({ id, shards }) => `${id} ${shards}`);

async function ringOf({ name, http }: GatewayProcess): Promise<RingView> {
  const answer = await fetch(`${http}/v1/ring`, { signal: AbortSignal.timeout(ANSWER_MS) });
  if (!answer.ok) throw new Error(`${name} says ${answer.status} to /v1/ring`);
  return (await answer.json()) as RingView;
}

/** All tell of one ring, and its members are these: by default they themselves. */
export async function agreed(
  gateways: readonly GatewayProcess[],
  members: readonly string[] = gateways.map(({ name }) => name),
): Promise<RingView> {
  const names = members.toSorted().join();
  let seen: readonly RingView[] = [];
  return until(
    async () => {
      seen = await Promise.all(gateways.map(ringOf));
      const [first] = seen;
      const same = seen.every(({ digest }) => digest !== undefined && digest === first?.digest);
      return same && first?.members.map(({ id }) => id).join() === names && first;
    },
    {
      for: () => `a ring of ${names}: ${seen.map(sharesOf).join(' | ')}`,
      deadlineMs: AGREED_MS,
      everyMs: 50,
    },
  );
}
