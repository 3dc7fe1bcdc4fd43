import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { loadSettings } from '../../../gateway/settings/load.ts';
import { manifest } from '../../../scripts/documents/manifest.ts';
import { type Saying, said } from '../../api/said.ts';
import { wsClusterSpec } from '../../api/spec.ts';
import { full, minimal, samples, stored } from '../../api/testing/samples.ts';
import type { WsCluster, WsClusterSpecInput } from '../../api/wscluster.ts';
import { configuration } from './configuration.ts';
import { deployment } from './deployment.ts';
import { disruptionBudget } from './disruption-budget.ts';
import { headlessService } from './headless-service.ts';
import { horizontalPodAutoscaler } from './horizontal-pod-autoscaler.ts';
import { DRAINING_LABEL, REVISION_LABEL, selectorText } from './names.ts';
import { networkPolicy } from './network-policy.ts';
import { podMonitor } from './pod-monitor.ts';
import { podTemplate } from './pod-template.ts';
import { RESTART_ANNOTATION, revisionOf, TEMPLATE_VERSION } from './revision.ts';
import { ringConfigMap } from './ring-config-map.ts';
import { service } from './service.ts';
import { serviceAccount } from './service-account.ts';

const basis = { image: 'wscluster/gateway:0.1.0', templateVersion: TEMPLATE_VERSION };
const operator = {
  namespace: 'wscluster-system',
  labels: { 'app.kubernetes.io/name': 'wscluster-operator' },
};
/** Not the real one, so that a change of the template changes one file. */
const REVISION = 'bcdf2456';

const objects = {
  'service-account': serviceAccount,
  service,
  'headless-service': headlessService,
  configuration: (cluster: WsCluster) => configuration(cluster, REVISION),
  deployment: (cluster: WsCluster) =>
    deployment(cluster, { revision: REVISION, replicas: 3, paused: true }, basis),
  'disruption-budget': (cluster: WsCluster) => disruptionBudget(cluster, cluster.spec.replicas),
  'ring-config-map': (cluster: WsCluster) =>
    ringConfigMap(cluster, { ring: '{"format":1}', operatorKeys: '{"keys":[]}' }),
  'pod-monitor': podMonitor,
  'network-policy': (cluster: WsCluster) => networkPolicy(cluster, operator),
  'horizontal-pod-autoscaler': (cluster: WsCluster) => {
    // The samples are looked after by others, or by nobody.
    const { autoscaling = { maxReplicas: 9 } } = cluster.spec;
    const spec = stored({ ...minimal, autoscaling: { ...autoscaling, mode: 'HPA' } }).spec;
    const status = { selector: selectorText(cluster) };
    return horizontalPodAutoscaler({ ...cluster, spec, status }, { rollingOut: false });
  },
} as const;

const also = (part: Partial<WsClusterSpecInput>) => stored({ ...minimal, ...part });

describe('what is made for a WsCluster', () => {
  for (const [sample, spec] of Object.entries({ minimal, full })) {
    for (const [name, make] of Object.entries(objects)) {
      // `--test-update-snapshots` writes them anew.
      it(`is as golden/${sample}/${name}.yaml says`, (t: TestContext) => {
        const file = join(import.meta.dirname, 'golden', sample, `${name}.yaml`);
        const object = make(stored(spec));
        assert.ok(object !== undefined);
        t.assert.fileSnapshot(object, file, { serializers: [manifest] });
      });
    }
  }

  it('is owned by it, and has nothing of its labels and annotations', () => {
    for (const spec of Object.values(samples)) {
      const cluster = stored(spec);
      for (const make of Object.values(objects)) {
        const object = make(cluster);
        if (object === undefined) continue;
        assert.ok(!JSON.stringify(object).includes('argocd'));
        const [owner, ...others] = object.metadata?.ownerReferences ?? [];
        assert.deepEqual([owner?.uid, owner?.controller], [cluster.metadata.uid, true]);
        assert.deepEqual(others, []);
      }
    }
  });

  it('has a name that fits, when its cluster has the longest', () => {
    const cluster = stored(minimal);
    const longest = { ...cluster, metadata: { ...cluster.metadata, name: 'c'.repeat(40) } };
    for (const make of Object.values(objects)) {
      assert.ok((make(longest)?.metadata?.name ?? '').length <= 52);
    }
  });
});

describe('the settings of gateways', () => {
  for (const [name, spec] of Object.entries(samples)) {
    it(`are such as a gateway takes: ${name}`, () => {
      const env = configuration(stored(spec), REVISION).data ?? {};
      const settings = loadSettings({ argv: [], env: { ...env, POD_IP: '10.0.0.7' } });
      assert.equal(settings.ring.source, 'given');
      assert.equal(settings.ring.address, '10.0.0.7:8001');
      assert.equal(settings.stream.retentionS, spec.retention?.ageSeconds ?? 3_600);
      assert.equal(settings.edge.heartbeatMs, (spec.heartbeat?.intervalSeconds ?? 15) * 1_000);
      assert.deepEqual(settings.auth.allowedOrigins, spec.auth.allowedOrigins ?? []);
      assert.equal(settings.redis.urlFile, '/etc/wscluster/secrets/redis-url');
    });
  }

  it('keep two clusters of one name apart, in Redis too', () => {
    const prefix = (spec: WsClusterSpecInput) =>
      configuration(stored(spec), REVISION).data?.['WSCLUSTER_REDIS_KEY_PREFIX'];
    assert.equal(prefix(minimal), 'rooms/chat/0f7c2f0e-0b1c-4c53-9d6b-6f3a2f1f8f10');
    assert.equal(prefix(full), 'chat/production');
  });

  it('leave room for more connections than autoscaling aims at', () => {
    const most = (part: Partial<WsClusterSpecInput>) =>
      configuration(also(part), REVISION).data?.['WSCLUSTER_EDGE_MAX_CONNECTIONS'];
    assert.equal(most({}), '30000');
    assert.equal(most({ autoscaling: { maxReplicas: 9 } }), '30000');
    assert.equal(most({ autoscaling: { maxReplicas: 9, targetConnectionsPerPod: 101 } }), '152');
    const limits = { connectionsPerPod: 25_000 };
    assert.equal(most({ autoscaling: { maxReplicas: 9 }, limits }), '25000');
  });

  it('name every file that comes from a Secret, and mount it where it is named', () => {
    const cluster = stored(full);
    const data = configuration(cluster, REVISION).data ?? {};
    const named = Object.values(data).filter((value) => value.startsWith('/etc/wscluster/secrets'));
    const [secrets] = podTemplate(cluster, REVISION, basis).spec?.volumes ?? [];
    const mounted = secrets?.projected?.sources?.map(({ secret }) => {
      assert.equal(secret?.optional, true);
      return `/etc/wscluster/secrets/${secret?.items?.[0]?.path}`;
    });
    assert.deepEqual(named.toSorted(), mounted?.toSorted());
    assert.equal(mounted?.length, 7);
  });
});

describe('the pods of a cluster', () => {
  const specOf = (cluster: WsCluster) => podTemplate(cluster, REVISION, basis).spec;

  it('are of one revision in every selector, whatever labels the spec adds', () => {
    for (const spec of [minimal, full]) {
      const { spec: made } = objects.deployment(stored(spec));
      const labels = made?.template.metadata?.labels ?? {};
      const selectors = [
        made?.selector,
        ...(made?.template.spec?.topologySpreadConstraints ?? []).map((one) => one.labelSelector),
      ];
      for (const selector of selectors) {
        assert.equal(selector?.matchLabels?.[REVISION_LABEL], REVISION);
        for (const [key, value] of Object.entries(selector.matchLabels)) {
          assert.equal(labels[key], value);
        }
      }
    }
    assert.equal(selectorText(stored(minimal)), 'wscluster.io/cluster=chat');
  });

  it('have longer to end than their drain may take', () => {
    const cluster = also({ disruption: { drainDeadlineSeconds: 100 } });
    assert.equal(specOf(cluster)?.terminationGracePeriodSeconds, 130);
  });

  it('leave a lost node after 30 s, unless the spec says something else', () => {
    const key = 'node.kubernetes.io/unreachable';
    const seconds = (tolerations: NonNullable<WsClusterSpecInput['pod']>['tolerations']) =>
      (specOf(also({ pod: { tolerations } }))?.tolerations ?? []).map((one) => [
        one.key,
        one.tolerationSeconds,
      ]);
    const notReady = ['node.kubernetes.io/not-ready', 30];
    assert.deepEqual(seconds([]), [notReady, [key, 30]]);
    const own = { key, operator: 'Exists' as const, effect: 'NoExecute' as const };
    assert.deepEqual(seconds([{ ...own, tolerationSeconds: 5 }]), [[key, 5], notReady]);
    const other = { ...own, effect: 'NoSchedule' as const };
    assert.deepEqual(seconds([other]), [[key, undefined], notReady, [key, 30]]);
    assert.deepEqual(seconds([{ operator: 'Exists' }]), [[undefined, undefined]]);
  });
});

describe('a revision', () => {
  const of = (cluster: WsCluster) => revisionOf(cluster, basis);
  const unchanged = of(stored(minimal));

  it('is a part of names, and the same for the same', () => {
    assert.match(unchanged, /^[a-z0-9]{8}$/);
    assert.equal(of(stored(minimal)), unchanged);
    const { auth, redis } = minimal;
    assert.equal(of(stored({ auth, redis })), unchanged);
    const labels = (names: readonly string[]) =>
      also({ pod: { labels: Object.fromEntries(names.map((name) => [name, 'x'])) } });
    assert.equal(of(labels(['a', 'b'])), of(labels(['b', 'a'])));
  });

  /** Everything of pods that is not their revision. */
  const podsOf = (cluster: WsCluster) => [
    podTemplate(cluster, REVISION, basis),
    configuration(cluster, REVISION).data,
  ];

  /** `full` with one field as it would be had nobody said anything, or else of it. */
  function variant([path, value]: Saying): WsCluster {
    const spec = structuredClone(full) as Record<string, unknown>;
    const names = path.split('.');
    const last = names.pop() ?? '';
    const holder = names.reduce((inner, name) => inner[name] as Record<string, unknown>, spec);
    delete holder[last];
    const silent = wsClusterSpec.safeParse(spec);
    // What is required is changed instead.
    if (!silent.success) holder[last] = otherThan(value);
    return stored(wsClusterSpec.parse(spec));
  }

  /** About the number of pods, or about other objects. */
  const elsewhere =
    /^(replicas|autoscaling|rollout|service|networkPolicy|metrics)\b|^disruption\.maxUnavailable$/;

  const whole = stored(full);
  for (const saying of said(whole.spec)) {
    const [path] = saying;
    it(`is another, and so are pods, if the field is about them: ${path}`, () => {
      const other = variant(saying);
      assert.notDeepEqual(other.spec, whole.spec);
      assert.equal(isDeepStrictEqual(podsOf(other), podsOf(whole)), elsewhere.test(path));
      assert.equal(of(other) === of(whole), elsewhere.test(path));
    });
  }

  it('is the same for what is said and what would be so anyway', () => {
    const whole = stored(minimal).spec;
    assert.deepEqual(said(whole), [
      ['redis.urlSecretRef.name', 'chat-redis'],
      ['auth.anonymous', true],
    ]);
    assert.equal(of(stored({ ...whole, image: basis.image } as WsClusterSpecInput)), unchanged);
    assert.equal(of(also({ heartbeat: { intervalSeconds: 15 } })), unchanged);
    assert.equal(of(also({ autoscaling: { maxReplicas: 9 } })), unchanged);
    assert.notEqual(of(also({ resources: {} })), unchanged);
  });

  it('is another on another basis, and after a restart was asked for', () => {
    assert.notEqual(revisionOf(stored(minimal), { ...basis, image: 'other:2' }), unchanged);
    assert.notEqual(revisionOf(stored(minimal), { ...basis, templateVersion: 2 }), unchanged);
    const named = also({ image: 'own:1' });
    assert.equal(revisionOf(named, { ...basis, image: 'other:2' }), of(named));
    const cluster = stored(minimal);
    const annotations = { [RESTART_ANNOTATION]: '2026-01-01T00:00:00Z' };
    const metadata = { ...cluster.metadata, annotations };
    assert.notEqual(of({ ...cluster, metadata }), unchanged);
  });
});

function otherThan(value: unknown): unknown {
  if (Array.isArray(value)) return [...value, ...value];
  return typeof value === 'number' ? value + 1 : `${value}x`;
}

describe('what protects gateways', () => {
  it('is a budget for those that do not drain, never below none', () => {
    const budget = (wanted: number, maxUnavailable: number) =>
      disruptionBudget(also({ disruption: { maxUnavailable } }), wanted).spec;
    assert.equal(budget(3, 1)?.minAvailable, 2);
    assert.equal(budget(1, 1)?.minAvailable, 0);
    assert.equal(budget(0, 5)?.minAvailable, 0);
    const [expression] = budget(3, 1)?.selector?.matchExpressions ?? [];
    assert.deepEqual(expression, { key: DRAINING_LABEL, operator: 'DoesNotExist' });
  });

  it('is an autoscaler where one is wanted, which takes none away from a rollout', () => {
    const status = { selector: 'a=b' };
    const of = (mode: 'HPA' | 'External' | 'None', rollingOut = false) =>
      horizontalPodAutoscaler(
        { ...also({ autoscaling: { mode, maxReplicas: 9 } }), status },
        { rollingOut },
      )?.spec?.behavior?.scaleDown?.selectPolicy;
    assert.deepEqual([of('HPA'), of('HPA', true)], ['Max', 'Disabled']);
    assert.deepEqual([of('External'), of('None')], [undefined, undefined]);
    const early = also({ autoscaling: { maxReplicas: 9 } });
    assert.equal(horizontalPodAutoscaler(early, { rollingOut: false }), undefined);
    assert.equal(horizontalPodAutoscaler(stored(minimal), { rollingOut: false }), undefined);
  });

  it('is no network policy, and what reads metrics no monitor, where none is wanted', () => {
    const none = also({
      networkPolicy: { enabled: false },
      metrics: { podMonitor: { enabled: false } },
    });
    assert.equal(networkPolicy(none, operator), undefined);
    assert.equal(podMonitor(none), undefined);
  });
});
