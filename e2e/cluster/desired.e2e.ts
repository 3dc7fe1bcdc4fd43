import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { minimal, samples } from '../../operator/api/testing/samples.ts';
import {
  kind,
  versions,
  type WsCluster,
  type WsClusterSpecInput,
} from '../../operator/api/wscluster.ts';
import { configuration } from '../../operator/reconcile/desired/configuration.ts';
import { deployment } from '../../operator/reconcile/desired/deployment.ts';
import { disruptionBudget } from '../../operator/reconcile/desired/disruption-budget.ts';
import { headlessService } from '../../operator/reconcile/desired/headless-service.ts';
import { selectorText } from '../../operator/reconcile/desired/names.ts';
import { networkPolicy } from '../../operator/reconcile/desired/network-policy.ts';
import { revisionOf, TEMPLATE_VERSION } from '../../operator/reconcile/desired/revision.ts';
import { ringConfigMap } from '../../operator/reconcile/desired/ring-config-map.ts';
import { service } from '../../operator/reconcile/desired/service.ts';
import { serviceAccount } from '../../operator/reconcile/desired/service-account.ts';
import { until } from '../deadline.ts';
import { redisImage } from '../lab/images.ts';
import { productImage } from '../lab/product-images.ts';
import { startTarget, type Target } from './target.ts';
import { namespace, redis } from './workload.ts';

const FILE = join(import.meta.dirname, '..', '..', 'crds', 'wscluster.yaml');
const CRD = `crd/${kind.plural}.${kind.group}`;
const NAMESPACE = `desired-${process.pid}`;
const APPLY = ['apply', '--server-side', '--field-manager=wscluster-operator', '-f', '-'] as const;
const basis = { image: 'example.com/gateway:0.1.0', templateVersion: TEMPLATE_VERSION };
const OPERATOR_KEYS = JSON.stringify({
  keys: [generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' })],
});
const operator = { namespace: 'wscluster-system', labels: { app: 'operator' } };

describe('what is made for a WsCluster, on an API server', () => {
  let target: Target;
  const kubectl = (...args: readonly string[]) => target.kubectl(...args);
  const inNamespace = (...args: readonly string[]) => kubectl('-n', NAMESPACE, ...args);

  before(async () => {
    target = await startTarget({ nodes: 1 });
    const there = await target.kubectl.attempt('get', CRD);
    assert.notEqual(there.code, 0, `${CRD} is there already, and would be deleted with all it has`);
    await target.kubectl.apply(namespace(NAMESPACE));
    await kubectl('apply', '--server-side', '-f', FILE);
    await until(
      async () => (await target.kubectl.attempt('get', '-n', NAMESPACE, kind.plural)).code === 0,
      { for: 'WsClusters to be served', deadlineMs: 60_000 },
    );
  });

  after(async () => {
    await kubectl('delete', 'namespace', NAMESPACE, '--wait=true', '--timeout=120s');
    await kubectl('delete', CRD, '--ignore-not-found', '--timeout=60s');
    await target.stop();
  });

  /** One that is there, with the UID that it got. */
  async function made(name: string, spec: WsClusterSpecInput): Promise<WsCluster> {
    const path = `/apis/${kind.group}/${versions.stored}/namespaces/${NAMESPACE}/${kind.plural}`;
    const metadata = { name, namespace: NAMESPACE };
    const apiVersion = `${kind.group}/${versions.stored}`;
    await target.kubectl.create(path, { apiVersion, kind: kind.kind, metadata, spec });
    return JSON.parse(await kubectl('get', '--raw', `${path}/${name}`)) as WsCluster;
  }

  for (const [sample, spec] of Object.entries(samples)) {
    test(`is taken, restricted, and taken again without a write: ${sample}`, async () => {
      const cluster = await made(sample.toLowerCase(), withoutFamilies(spec));
      for (const object of childrenOf(cluster)) {
        let known = await applied(object);
        assert.equal(known.metadata.ownerReferences?.[0]?.uid, cluster.metadata.uid);
        // Controllers write their status between the first two.
        await until(
          async () => {
            const before = known.metadata.resourceVersion;
            known = await applied(object);
            return known.metadata.resourceVersion === before;
          },
          { for: `a second ${known.kind} to be no write`, deadlineMs: 20_000 },
        );
        assert.equal(known.metadata.generation ?? 1, 1, known.kind);
      }
    });
  }

  test('runs: pods wait for their Secret, are ready then, and serve by the Service', async () => {
    const image = await productImage('gateway');
    await target.load(image);
    const redisName = (await redisImage()).name;
    await target.kubectl.apply(redis({ namespace: NAMESPACE, image: redisName }));
    await inNamespace('wait', 'pod/redis', '--for=condition=Ready', '--timeout=60s');

    const auth = { anonymous: true, anonymousPublish: true };
    const spec = { ...minimal, redis: { urlSecretRef: { name: 'served-redis' } }, auth };
    const cluster = await made('served', { ...spec, image: image.name, replicas: 2 });
    const children = childrenOf(cluster, { replicas: 2, paused: false });
    for (const object of children) await applied(object);
    const selector = ['-l', selectorText(cluster)] as const;
    const running = ['--for=jsonpath={.status.phase}=Running', '--timeout=60s'] as const;
    const podsOf = async () =>
      ((await target.kubectl.get('pods', '-n', NAMESPACE, ...selector)) as { items: Pod[] }).items;
    await until(async () => (await podsOf()).length === 2, {
      for: 'two pods',
      deadlineMs: 60_000,
      everyMs: 500,
    });
    await inNamespace('wait', 'pods', ...selector, ...running);

    const address = await inNamespace('get', 'pod/redis', '-o', 'jsonpath={.status.podIP}');
    await target.kubectl.apply({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'served-redis', namespace: NAMESPACE },
      stringData: { url: `redis://${address}:6379` },
    });
    await inNamespace('wait', 'pods', ...selector, '--for=condition=Ready', '--timeout=180s');
    const pods = await podsOf();
    const restarts = pods.map(({ status }) => status.containerStatuses?.[0]?.restartCount);
    assert.deepEqual(restarts, [0, 0]);

    const request = { method: 'POST', headers: { 'content-type': 'application/json' } };
    const body = JSON.stringify({ topic: 'room.1', data: 1 });
    const script = `fetch('http://served/v1/publish', ${JSON.stringify({ ...request, body })})
      .then(async (answer) => console.log(answer.status, await answer.text()));`;
    const name = pods[0]?.metadata.name ?? '';
    const publish = ['-n', NAMESPACE, 'exec', name, '--', 'node', '-e', script] as const;
    // kube-proxy lags behind.
    await until(async () => (await target.kubectl.attempt(...publish)).stdout.startsWith('200 '), {
      for: 'a publish by the Service to be taken',
      deadlineMs: 30_000,
      everyMs: 500,
    });
    await goesWithIt(cluster);
  });

  /** Deletes it; what was made for it, pods as well, is gone without anybody's doing. */
  async function goesWithIt(cluster: WsCluster): Promise<void> {
    await inNamespace('delete', 'wsc', cluster.metadata.name, '--timeout=60s');
    const kinds = 'deployments,pods,services,configmaps,serviceaccounts,pdb,networkpolicies';
    const left = () => inNamespace('get', kinds, '-l', selectorText(cluster), '-o', 'name');
    await until(async () => (await left()) === '', {
      for: 'everything of the cluster to be gone',
      deadlineMs: 120_000,
      everyMs: 1_000,
    });
  }

  /** As the API server has it then. A warning, such as of Pod Security, fails. */
  async function applied(object: { readonly kind?: string }): Promise<Applied> {
    const options = [...APPLY, '-o', 'json', '--warnings-as-errors'];
    return JSON.parse(await target.kubectl.piped(options, object)) as Applied;
  }
});

/** All of them. */
function childrenOf(
  cluster: WsCluster,
  state: { readonly replicas: number; readonly paused: boolean } = { replicas: 0, paused: true },
): { readonly kind?: string }[] {
  const revision = revisionOf(cluster, basis);
  const policy = networkPolicy(cluster, operator);
  return [
    serviceAccount(cluster),
    service(cluster),
    headlessService(cluster),
    configuration(cluster, revision),
    deployment(cluster, { revision, ...state }, basis),
    disruptionBudget(cluster, cluster.spec.replicas),
    ringConfigMap(cluster, { ring: undefined, operatorKeys: OPERATOR_KEYS }),
    ...(policy === undefined ? [] : [policy]),
  ];
}

/** Clusters have the IP families that they have. */
function withoutFamilies(spec: WsClusterSpecInput): WsClusterSpecInput {
  const { ipFamilies: _, ipFamilyPolicy: __, ...service } = spec.service ?? {};
  return { ...spec, service };
}

interface Pod {
  readonly metadata: { readonly name: string };
  readonly status: {
    readonly containerStatuses?: readonly { readonly restartCount: number }[];
  };
}

interface Applied {
  readonly kind: string;
  readonly metadata: {
    readonly resourceVersion: string;
    readonly generation?: number;
    readonly ownerReferences?: readonly { readonly uid: string }[];
  };
}
