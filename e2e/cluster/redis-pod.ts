import { redisImage } from '../lab/images.ts';
import type { Kubectl } from '../lab/kubectl.ts';
import { hasDefaultAccount } from './default-account.ts';
import { redis } from './workload.ts';

/** Resolves to the URL of a Redis in that namespace, when it is ready. */
export async function startRedisPod(kubectl: Kubectl, namespace: string): Promise<string> {
  await hasDefaultAccount(kubectl, namespace);
  await kubectl.apply(redis({ namespace, image: (await redisImage()).name }));
  const inNamespace = ['-n', namespace] as const;
  await kubectl(...inNamespace, 'wait', 'pod/redis', '--for=condition=Ready', '--timeout=60s');
  const host = await kubectl(...inNamespace, 'get', 'pod/redis', '-o=jsonpath={.status.podIP}');
  return `redis://${host}:6379`;
}
