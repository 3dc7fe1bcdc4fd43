import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { before, describe, type TestContext, test } from 'node:test';
import { parseAllDocuments } from 'yaml';
import { manifest } from '../../scripts/documents/manifest.ts';
import { CHART, type Helm, helms } from './helm.ts';

/** The oldest that is supported. Helm asks no cluster here. */
const KUBERNETES = ['--kube-version', '1.30.0'];
const NAMESPACE = 'wscluster-system';
const PLAIN = join(import.meta.dirname, '..', '..', 'deploy', 'wscluster.yaml');

const PLAIN_HEAD = `# What \`helm template wscluster charts/wscluster -n wscluster-system\`
# renders, with its namespace, for \`kubectl apply --server-side -f\`. Written by
# \`node --test --test-update-snapshots e2e/cluster/chart-render.e2e.ts\`; do not edit.
`;

/** What somebody gives. The definition is crds/wscluster.yaml, and too long to be read twice. */
const sets: Readonly<Record<string, object>> = {
  default: { crds: { install: false } },
  namespaced: {
    crds: { install: false },
    watchNamespaces: ['chat', 'games'],
    rbac: { aggregate: false },
  },
  bare: {
    crds: { install: false },
    policy: { enabled: false },
    rbac: { create: false, aggregate: false },
    replicas: 1,
    resources: null,
  },
  full: {
    crds: { install: false },
    replicas: 3,
    image: { registry: 'ghcr.io', repository: 'team/operator', tag: '1.2.3' },
    gatewayImage: { repository: 'team/gateway', digest: `sha256:${'a1'.repeat(32)}` },
    global: { imageRegistry: 'registry.example.com:5000/mirror' },
    imagePullPolicy: 'Always',
    imagePullSecrets: [{ name: 'registry' }],
    workers: 8,
    logLevel: 'debug',
    extraEnv: [{ name: 'NODE_EXTRA_CA_CERTS', value: '/etc/ca.crt' }],
    policy: {
      allow: {
        images: ['registry.example.com/<team> & "co"/'],
        serviceTypes: ['ClusterIP', 'LoadBalancer'],
        affinityAcrossNamespaces: true,
      },
    },
    metricsApi: { enabled: true, port: 10_250 },
    podMonitor: { enabled: true, intervalSeconds: 15, labels: { release: 'prometheus' } },
    prometheusRule: {
      enabled: true,
      labels: { release: 'prometheus' },
      runbooks: 'https://wiki.example.com/wscluster/operations',
      without: ['WsClusterGatewayBusy', 'WsClusterOperatorStuck'],
    },
    nodeSelector: { 'kubernetes.io/os': 'linux' },
    tolerations: [{ key: 'control-plane', operator: 'Exists' }],
    affinity: { nodeAffinity: {} },
    priorityClassName: 'system-cluster-critical',
    podLabels: { team: 'chat' },
    podAnnotations: { 'example.com/note': 'a' },
    test: { wsCluster: 'chat', namespace: 'chat', port: 8080, tokenSecret: { name: 'token' } },
  },
};

/** Objects of a render, in an order of their own: the Helms have different ones. */
function objectsIn(text: string): { kind: string; metadata: { name: string } }[] {
  const objects = parseAllDocuments(text).map((document) => document.toJS());
  const key = ({ kind, metadata }: (typeof objects)[number]) =>
    `${kind} ${metadata.namespace ?? ''} ${metadata.name}`;
  return objects.filter((object) => object !== null).toSorted((a, b) => (key(a) < key(b) ? -1 : 1));
}

const texts = (objects: readonly object[]) => objects.map(manifest).join('---\n');

describe('the chart', () => {
  let both: readonly [Helm, Helm];

  before(async () => {
    both = await helms();
  });

  const render = (helm: Helm, ...args: readonly string[]) =>
    helm('template', 'wscluster', CHART, '--namespace', NAMESPACE, ...KUBERNETES, ...args);
  const given = (values: object) =>
    Object.entries(values).flatMap(([name, value]) => [
      '--set-json',
      `${name}=${JSON.stringify(value)}`,
    ]);

  test('is found faultless by helm lint --strict, with each set of values', async () => {
    for (const helm of both) {
      for (const values of Object.values(sets)) {
        await helm('lint', '--strict', CHART, ...given(values));
      }
    }
  });

  for (const [name, values] of Object.entries(sets)) {
    // `--test-update-snapshots` writes them anew.
    test(`renders golden/chart/${name}.yaml, by both Helms`, async (t: TestContext) => {
      const file = join(import.meta.dirname, 'golden', 'chart', `${name}.yaml`);
      for (const helm of both) {
        const text = texts(objectsIn(await render(helm, ...given(values))));
        t.assert.fileSnapshot(text, file, { serializers: [String] });
      }
    });
  }

  test('renders deploy/wscluster.yaml, for kubectl', async (t: TestContext) => {
    const labels = { 'pod-security.kubernetes.io/enforce': 'restricted' };
    const namespace = {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: NAMESPACE, labels },
    };
    for (const helm of both) {
      const objects = objectsIn(await render(helm, '--skip-tests'));
      const definition = objects.filter(({ kind }) => kind === 'CustomResourceDefinition');
      assert.equal(definition.length, 1);
      const others = objects.filter(({ kind }) => kind !== 'CustomResourceDefinition');
      const text = [
        PLAIN_HEAD + manifest(namespace),
        // JSON, on one line: crds/wscluster.yaml is the one to read.
        ...definition.map((one) => `${JSON.stringify(one)}\n`),
        texts(others),
      ].join('---\n');
      t.assert.fileSnapshot(text, PLAIN, { serializers: [String] });
    }
  });

  test('gives Grafana the dashboard as it was generated', async () => {
    const file = await readFile(join(CHART, 'dashboards', 'wscluster.json'), 'utf8');
    for (const helm of both) {
      const labels = { grafana_dashboard: '1', team: 'chat' };
      const values = given({ dashboard: { enabled: true, labels: { team: 'chat' } } });
      const text = await render(helm, ...values, '--show-only', 'templates/dashboard.yaml');
      const [map] = parseAllDocuments(text).map((one) => one.toJS());
      assert.equal(map.kind, 'ConfigMap');
      assert.deepEqual({ ...map.metadata.labels, ...labels }, map.metadata.labels);
      assert.equal(map.data['wscluster.json'], file);
    }
  });

  test('keeps the definition at uninstall, unless told otherwise', async () => {
    const kept = async (helm: Helm, keep: boolean) => {
      const values = ['--set', `crds.keep=${keep}`, '--show-only', 'templates/crd.yaml'];
      return /helm\.sh\/resource-policy: keep/.test(await render(helm, ...values));
    };
    for (const helm of both) {
      assert.deepEqual([await kept(helm, true), await kept(helm, false)], [true, false]);
    }
  });

  const wrong: Readonly<Record<string, readonly [string, RegExp]>> = {
    'a value that there is not': ['replica=3', /additional properties? '?replica'? not allowed/],
    'a value within another': ['policy.allow.image={a}', /'\/policy\/allow'.*'image' not allowed/],
    'too few': ['replicas=0', /'\/replicas': minimum: got 0, want 1/],
    'another type': ['replicas=two', /'\/replicas': got string, want integer/],
    'a digest that is none': ['image.digest=1.2', /'\/image\/digest': '1.2' does not match/],
    'a namespace that is none': ['watchNamespaces={A}', /'\/watchNamespaces\/0': 'A' does not/],
    'an alert that there is not': [
      'prometheusRule.without={WsClusterNotReddy}',
      /'\/prometheusRule\/without\/0': value must be one of 'WsClusterNotReady'/,
    ],
    'a label of the chart’s own': [
      'podLabels.app\\.kubernetes\\.io/name=x',
      /'\/podLabels\/app.kubernetes.io~1name'/,
    ],
  };

  for (const [what, [value, says]] of Object.entries(wrong)) {
    test(`refuses ${what}, and says where`, async () => {
      for (const helm of both) {
        const { code, stderr } = await helm.attempt('template', CHART, '--set', value);
        assert.notEqual(code, 0);
        assert.match(stderr, says);
      }
    });
  }
});
