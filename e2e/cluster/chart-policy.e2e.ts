import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { parseAllDocuments } from 'yaml';
import { policyRules, secretReferences } from '../../scripts/chart/policy-rules.ts';
import { until } from '../deadline.ts';
import { DEFINITION, installDefinition, refuseDefinition } from './definition.ts';
import { CHART, type Helm, helms } from './helm.ts';
import { chat } from './installation.ts';
import {
  furtherAllowed,
  generous,
  guarded,
  harmless,
  nearMisses,
  type PolicyCase,
} from './policy-cases.ts';
import { startTarget, type Target } from './target.ts';
import { namespace } from './workload.ts';

const HOME = `policy-${process.pid}`;
/** May write WsClusters in HOME, and read the Secret `chat-redis`. */
const CREATOR = 'creator';
const POLICY = 'wscluster.wscluster-system';

describe('the policy of the chart', () => {
  let target: Target;
  let helm: Helm;

  const ask = (object: object, as = 'kubernetes-admin') =>
    target.kubectl.attemptPiped(
      ['create', '--dry-run=server', '-f', '-', '--as', as, '--as-group', groupOf(as)],
      object,
    );
  const apply = async (allow: object) => {
    const text = await helm(
      ...['template', 'wscluster', CHART, '-n', 'wscluster-system', '--kube-version', '1.30.0'],
      ...[
        '--show-only',
        'templates/policy.yaml',
        '--set-json',
        `policy.allow=${JSON.stringify(allow)}`,
      ],
    );
    const objects = parseAllDocuments(text).map((document) => document.toJS() as object | null);
    await target.kubectl.apply(...objects.filter((object) => object !== null));
  };
  /** The API server takes a policy some moments after it was written. */
  const counts = (object: object, allowed: boolean) =>
    until(async () => ((await ask(object)).code === 0) === allowed, {
      for: `the policy to count`,
      ...{ deadlineMs: 60_000, everyMs: 250 },
    });
  // Of a name that nothing has: what exists is refused for that.
  const probe = chat(HOME, { service: { type: 'LoadBalancer' } }, 'probe');

  const refuses = async ({ value, spec, offender }: PolicyCase) => {
    const { code, stderr } = await ask(chat(HOME, spec));
    assert.notEqual(code, 0, `${JSON.stringify(spec)} was allowed`);
    assert.ok(stderr.includes(offender), stderr);
    assert.ok(stderr.includes(`can allow it with policy.allow.${value} of the chart`), stderr);
  };
  const allows = async (spec: object) => {
    const { code, stderr } = await ask(chat(HOME, spec));
    assert.equal(code, 0, `${JSON.stringify(spec)}: ${stderr}`);
  };

  before(async () => {
    target = await startTarget({ nodes: 1 });
    await refuseDefinition(target.kubectl);
    [helm] = await helms();
    await target.kubectl.apply(namespace(HOME));
    await installDefinition(target.kubectl);
    await target.kubectl.apply(...creatorOf(HOME));
    await apply({});
    await counts(probe, false);
  });

  after(async () => {
    const kinds = 'validatingadmissionpolicy,validatingadmissionpolicybinding';
    await target.kubectl('delete', kinds, POLICY, '--ignore-not-found');
    await target.kubectl('delete', DEFINITION, '--ignore-not-found', '--timeout=60s');
    await target.kubectl('delete', 'namespace', HOME, '--ignore-not-found', '--wait=false');
    await target.stop();
  });

  test('has no mistake that the API server finds', async () => {
    const path = '-o=jsonpath={.status.typeChecking.expressionWarnings}';
    await until(
      async () => {
        const seen = '-o=jsonpath={.status.observedGeneration}';
        return (await target.kubectl('get', 'validatingadmissionpolicy', POLICY, seen)) !== '';
      },
      { for: 'the API server to have checked it', deadlineMs: 60_000, everyMs: 250 },
    );
    assert.equal(await target.kubectl('get', 'validatingadmissionpolicy', POLICY, path), '');
  });

  test('is tried in each of its rules', () => {
    const tried = new Set([...guarded, ...nearMisses].map(({ value }) => value));
    const values = [...policyRules.map(({ value }) => value), 'affinityAcrossNamespaces'];
    assert.deepEqual([...tried, 'secrets'].toSorted(), values.toSorted());
  });

  test('allows what is harmless', async () => {
    for (const spec of harmless) await allows(spec);
  });

  test('refuses what was not allowed, and says which value allows it', async () => {
    for (const one of guarded) await refuses(one);
  });

  test('refuses the prefix of another namespace, and allows that of its own', async () => {
    const prefixed = (keyPrefix: string) => ({
      redis: { urlSecretRef: { name: 'chat-redis', key: 'url' }, keyPrefix },
    });
    await allows(prefixed(`${HOME}/chat`));
    await refuses({ value: 'keyPrefixes', spec: prefixed('other/chat'), offender: 'other/chat' });
  });

  test('refuses a Secret to who may not read it, wherever it is named', async () => {
    for (const path of secretReferences) {
      const { code, stderr } = await ask(chat(HOME, naming(path)), CREATOR);
      assert.notEqual(code, 0, path);
      const says = `spec.${path}: ${CREATOR} may not read the Secret private, and so not name it`;
      assert.ok(stderr.includes(says), stderr);
      assert.match(stderr, /policy\.allow\.secrets of the chart/);
    }
    // Who may read it may name it.
    await target.kubectl.apply(...reader(HOME, 'private'));
    await until(
      async () => (await ask(chat(HOME, naming('redis.urlSecretRef')), CREATOR)).code === 0,
      {
        for: 'who may read a Secret to be allowed to name it',
        ...{ deadlineMs: 30_000, everyMs: 250 },
      },
    );
  });

  test('allows what an administrator allows, and nothing that is like it', async () => {
    await apply(generous);
    await counts(probe, true);
    for (const { spec } of guarded) await allows(spec);
    for (const spec of furtherAllowed) await allows(spec);
    for (const one of nearMisses) await refuses(one);
    const shared = { redis: { urlSecretRef: { name: 'shared', key: 'url' } } };
    const { code, stderr } = await ask(chat(HOME, shared), CREATOR);
    assert.equal(code, 0, stderr);
  });

  test('does not refuse what a WsCluster has already, and nobody changes', async () => {
    // All that was allowed, at once.
    const spec = {
      redis: { urlSecretRef: { name: 'shared', key: 'url' } },
      image: 'example.com/app:1',
      service: { type: 'LoadBalancer', annotations: { 'example.com/a': 'b' } },
      pod: { labels: { team: 'a' }, tolerations: [{ key: 'dedicated', operator: 'Exists' }] },
    };
    await target.kubectl.apply(chat(HOME, spec));
    await apply({});
    await counts(probe, false);
    const patch = (by: object, as = 'kubernetes-admin') =>
      target.kubectl.attempt(
        ...['-n', HOME, 'patch', 'wsc/chat', '--type=merge', '-p', JSON.stringify({ spec: by })],
        ...['--as', as, '--as-group', groupOf(as)],
      );
    assert.equal((await patch({ replicas: 1 })).code, 0);
    // Also not to who may not read its Secret.
    const scaled = await patch({ replicas: 2 }, CREATOR);
    assert.equal(scaled.code, 0, scaled.stderr);
    const steal = { redis: { sentinel: { addresses: ['evil:1'], masterName: 'm' } } };
    assert.match((await patch(steal, CREATOR)).stderr, /may not read the Secret shared/);
    const other = { service: { annotations: { 'example.com/a': 'c' } } };
    assert.match((await patch(other)).stderr, /policy\.allow\.serviceAnnotations/);
    assert.match((await patch({ image: 'example.com/app:2' })).stderr, /policy\.allow\.images/);
    const scale = ['-n', HOME, 'scale', 'wsc/chat', '--replicas=1'] as const;
    await target.kubectl(...scale);
  });
});

const groupOf = (user: string): string =>
  user === CREATOR ? 'system:authenticated' : 'system:masters';

/** A spec that names the Secret `private` at one place. */
function naming(path: string): object {
  const [section = '', ...rest] = path.split('.');
  const ref = { name: 'private', ...(path.includes('certificate') ? {} : { key: 'key' }) };
  const inner = rest.reduceRight<object>((value, name) => ({ [name]: value }), ref);
  const needs = path.startsWith('redis.sentinel')
    ? { sentinel: { addresses: ['a:1'], masterName: 'm', ...Object(inner).sentinel } }
    : inner;
  const url = { urlSecretRef: { name: 'chat-redis', key: 'url' } };
  if (section === 'redis') return { redis: { ...url, ...needs } };
  const others = path.endsWith('.keysSecretRef') ? {} : { anonymous: true };
  return { auth: { ...others, ...inner } };
}

const role = (where: string, name: string, rules: readonly object[]): object[] => {
  const apiGroup = 'rbac.authorization.k8s.io';
  const metadata = { name, namespace: where };
  return [
    { apiVersion: `${apiGroup}/v1`, kind: 'Role', metadata, rules },
    {
      ...{ apiVersion: `${apiGroup}/v1`, kind: 'RoleBinding', metadata },
      roleRef: { apiGroup, kind: 'Role', name },
      subjects: [{ kind: 'User', apiGroup, name: CREATOR }],
    },
  ];
};

const creatorOf = (where: string) =>
  role(where, 'creator', [
    { apiGroups: ['wscluster.io'], resources: ['wsclusters'], verbs: ['*'] },
    {
      ...{ apiGroups: [''], resources: ['secrets'], resourceNames: ['chat-redis'] },
      verbs: ['get'],
    },
  ]);

const reader = (where: string, secret: string) =>
  role(where, 'reader', [
    { apiGroups: [''], resources: ['secrets'], resourceNames: [secret], verbs: ['get'] },
  ]);
