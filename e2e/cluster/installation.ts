import type { V1Pod } from '@kubernetes/client-node';
import type { WsClusterStatus } from '../../operator/api/wscluster.ts';
import { until } from '../deadline.ts';
import type { Kubectl } from '../lab/kubectl.ts';
import { productImage } from '../lab/product-images.ts';
import { startRedisPod } from './redis-pod.ts';
import { startTarget, type Target } from './target.ts';
import { namespace } from './workload.ts';

/** A cluster with the images of the product, for suites that install the chart. */
export async function startInstallable(): Promise<Target> {
  const target = await startTarget({ nodes: 1 });
  await target.load(await productImage('operator'), await productImage('gateway'));
  return target;
}

/** A namespace whose pods are restricted, with a Redis and the Secret `chat-redis`. */
export async function home(kubectl: Kubectl, name: string): Promise<void> {
  await kubectl.apply(namespace(name));
  const url = await startRedisPod(kubectl, name);
  await kubectl.apply({
    ...{ apiVersion: 'v1', kind: 'Secret', metadata: { name: 'chat-redis', namespace: name } },
    stringData: { url },
  });
}

/** As README shows it, in a namespace of `home`; gateways that come up quickly, and go so. */
export const chat = (where: string, spec: object = {}, name = 'chat'): object => ({
  ...{ apiVersion: 'wscluster.io/v1alpha1', kind: 'WsCluster' },
  metadata: { name, namespace: where },
  spec: {
    replicas: 2,
    redis: { urlSecretRef: { name: 'chat-redis', key: 'url' } },
    auth: { anonymous: true, anonymousPublish: true },
    ...spec,
  },
});

/** Resolves when the operator that leads has made it so, for the spec as it is. */
export async function becomesReady(kubectl: Kubectl, where: string): Promise<void> {
  let last = '';
  await until(
    async () => {
      const { code, stdout } = await kubectl.attempt('-n', where, 'get', 'wsc/chat', '-o', 'json');
      if (code !== 0) return false;
      const { metadata, status = {} } = JSON.parse(stdout) as {
        readonly metadata: { readonly generation: number };
        readonly status?: WsClusterStatus;
      };
      const ready = status.conditions?.find(({ type }) => type === 'Ready');
      last = JSON.stringify(ready);
      return ready?.status === 'True' && ready.observedGeneration === metadata.generation;
    },
    { for: () => `wsc/chat to be ready: ${last}`, deadlineMs: 180_000, everyMs: 250 },
  );
}

/** Uid and restarts of each pod with this label. */
export async function livesOf(kubectl: Kubectl, where: string, label: string): Promise<string[]> {
  const path =
    '{range .items[*]}{.metadata.uid} {.status.containerStatuses[0].restartCount}{"\\n"}{end}';
  const text = await kubectl('-n', where, 'get', 'pods', '-l', label, `-o=jsonpath=${path}`);
  return text.trim().split('\n').filter(Boolean).toSorted();
}

/** Gateways of `chat` by name, but for those that are being deleted. */
export async function gatewaysIn(
  kubectl: Kubectl,
  where: string,
): Promise<ReadonlyMap<string, { readonly uid: string | undefined; readonly ready: boolean }>> {
  const { items } = (await kubectl.get('-n', where, 'pods', '-l', GATEWAYS)) as {
    readonly items: readonly V1Pod[];
  };
  const there = items.filter(({ metadata }) => metadata?.deletionTimestamp === undefined);
  return new Map(
    there.map(({ metadata, status }) => {
      const ready = status?.conditions?.find(({ type }) => type === 'Ready')?.status === 'True';
      return [metadata?.name ?? '', { uid: metadata?.uid, ready }] as const;
    }),
  );
}

export const GATEWAYS = 'wscluster.io/cluster=chat';
export const OPERATORS = 'app.kubernetes.io/name=wscluster-operator';

/** Resolves to the pod of the operator that leads. */
export async function leader(kubectl: Kubectl, system: string): Promise<string> {
  const lease = ['-n', system, 'get', 'lease/wscluster-operator'] as const;
  return until(
    async () => {
      const path = '-o=jsonpath={.spec.holderIdentity}';
      const { stdout } = await kubectl.attempt(...lease, path);
      const pod = stdout.split('_')[0] ?? '';
      const there = await kubectl.attempt('-n', system, 'get', `pod/${pod}`);
      return pod !== '' && there.code === 0 && pod;
    },
    { for: 'an operator that is there to lead', deadlineMs: 60_000, everyMs: 100 },
  );
}
