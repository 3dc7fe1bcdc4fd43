import { each } from './each.ts';
import type { GatewayClient, GatewayPod } from './gateway-client.ts';

/** A gateway that is to have the ring, and the digest of the one that it says it has. */
export interface RingReceiver extends GatewayPod {
  readonly name: string;
  readonly digest: string | undefined;
}

export interface RingToPush {
  readonly document: string;
  readonly digest: string;
  readonly receivers: readonly RingReceiver[];
}

/** A gateway that does not go by the ring, and why. */
export interface Unsynced {
  readonly name: string;
  readonly problem: string;
}

/** Pushed at once, of one cluster. */
const AT_A_TIME = 16;

/**
 * Hands a ring to every gateway that says that it has another one, and resolves with those that
 * still do not go by it. Rejects with the reason of the signal only.
 */
export async function pushRing(
  client: Pick<GatewayClient, 'pushRing'>,
  { document, digest, receivers }: RingToPush,
  signal: AbortSignal,
): Promise<Unsynced[]> {
  const unsynced: Unsynced[] = [];
  const behind = receivers.filter((receiver) => receiver.digest !== digest);
  await each(behind, AT_A_TIME, async (receiver) => {
    const problem = await client.pushRing(receiver, document, signal).then(
      (pushed) => {
        if (pushed.digest === digest) return undefined;
        const { generation, counter } = pushed.version;
        return `it goes by ring ${generation}.${counter}, which is ahead of this one`;
      },
      (error: unknown) => (error instanceof Error ? error.message : String(error)),
    );
    if (problem !== undefined) unsynced.push({ name: receiver.name, problem });
  });
  signal.throwIfAborted();
  return unsynced.sort((a, b) => (a.name < b.name ? -1 : 1));
}
