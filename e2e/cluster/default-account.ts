import { until } from '../deadline.ts';
import type { Kubectl } from '../lab/kubectl.ts';

/** A namespace gets it a moment later than it is made, and its pods need it. */
export async function hasDefaultAccount(kubectl: Kubectl, namespace: string): Promise<void> {
  const account = ['-n', namespace, 'get', 'sa', 'default'] as const;
  await until(async () => (await kubectl.attempt(...account)).code === 0, {
    for: 'the default service account',
    deadlineMs: 30_000,
  });
}
