import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { samples } from '../../operator/api/testing/samples.ts';
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
import { networkPolicy } from '../../operator/reconcile/desired/network-policy.ts';
import { revisionOf, TEMPLATE_VERSION } from '../../operator/reconcile/desired/revision.ts';
import { service } from '../../operator/reconcile/desired/service.ts';
import { serviceAccount } from '../../operator/reconcile/desired/service-account.ts';
import { until } from '../deadline.ts';
import { startTarget, type Target } from './target.ts';
import { namespace } from './workload.ts';

const FILE = join(import.meta.dirname, '..', '..', 'crds', 'wscluster.yaml');
const CRD = `crd/${kind.plural}.${kind.group}`;
const NAMESPACE = `desired-${process.pid}`;
const APPLY = ['apply', '--server-side', '--field-manager=wscluster-operator', '-f', '-'] as const;
const basis = { image: 'example.com/gateway:0.1.0', templateVersion: TEMPLATE_VERSION };
const operator = { namespace: 'wscluster-system', labels: { app: 'operator' } };

describe('what is made for a WsCluster, on an API server', () => {
  let target: Target;
  const kubectl = (...args: readonly string[]) => target.kubectl(...args);

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

  /** As the API server has it then. A warning, such as of Pod Security, fails. */
  async function applied(object: { readonly kind?: string }): Promise<Applied> {
    const options = [...APPLY, '-o', 'json', '--warnings-as-errors'];
    return JSON.parse(await target.kubectl.piped(options, object)) as Applied;
  }
});

/** All of them; no pod runs. */
function childrenOf(cluster: WsCluster): { readonly kind?: string }[] {
  const revision = revisionOf(cluster, basis);
  const policy = networkPolicy(cluster, operator);
  return [
    serviceAccount(cluster),
    service(cluster),
    headlessService(cluster),
    configuration(cluster, revision),
    deployment(cluster, { revision, replicas: 0, paused: true }, basis),
    disruptionBudget(cluster, cluster.spec.replicas),
    ...(policy === undefined ? [] : [policy]),
  ];
}

/** Clusters have the IP families that they have. */
function withoutFamilies(spec: WsClusterSpecInput): WsClusterSpecInput {
  const { ipFamilies: _, ipFamilyPolicy: __, ...service } = spec.service ?? {};
  return { ...spec, service };
}

interface Applied {
  readonly kind: string;
  readonly metadata: {
    readonly resourceVersion: string;
    readonly generation?: number;
    readonly ownerReferences?: readonly { readonly uid: string }[];
  };
}
