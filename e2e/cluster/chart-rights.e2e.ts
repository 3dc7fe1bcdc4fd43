import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { KubeObject } from '../../operator/kube/objects.ts';
import {
  metricsRights,
  ownMetricsRights,
  ownRights,
  type Right,
  rights,
} from '../../scripts/chart/rights.ts';
import { until } from '../deadline.ts';
import { type Audited, callsBy } from './audit-log.ts';
import { DEFINITION, established, refuseDefinition } from './definition.ts';
import { CHART, type Helm, helms } from './helm.ts';
import {
  becomesReady,
  chat,
  GATEWAYS,
  gatewaysIn,
  home,
  leader,
  startInstallable,
} from './installation.ts';
import { knowMonitoring, monitoringDefinition } from './monitoring-kinds.ts';
import { labOf, type Target } from './target.ts';
import { namespace } from './workload.ts';

const SYSTEM = 'wscluster-system';
const HOME = `rights-${process.pid}`;
const ACCOUNT = `system:serviceaccount:${SYSTEM}:wscluster-operator`;
/** May create WsClusters, and nothing else. */
const CREATOR = 'creator';
/** Stands in Secrets, and nowhere else. */
const MARK = 'hunter2-is-what-nobody-may-see';

/** Rights that a test of minutes does not use, or that no log shows. */
const exceptions: Readonly<Record<string, string>> = {
  'update wsclusters.wscluster.io/finalizers':
    'admission of owner references asks for it where that is on; no call is made',
  'get wsclusters.wscluster.io':
    'of a WsCluster that was made anew under its name while its status was written',
  'update secrets': 'certificates of metrics are renewed after two months',
  'create tokenreviews.authentication.k8s.io': 'who asks for metrics past the API server',
  'delete apiservices.apiregistration.k8s.io': 'when it goes; autoscaling.e2e.ts sees that',
  'patch events.events.k8s.io': 'an Event that is repeated is written again after six minutes',
};

const MONITORING = ['PodMonitor', 'PrometheusRule'] as const;

interface Pod extends KubeObject {
  readonly spec: Readonly<Record<string, unknown>>;
}

describe('rights', () => {
  let target: Target;
  let helm: Helm;

  const inHome = (...args: readonly string[]) => target.kubectl('-n', HOME, ...args);
  const as = (...args: readonly string[]) =>
    target.kubectl.attempt('--as', CREATOR, '-n', HOME, ...args);
  /** On WsClusters, or a part of them. */
  const canI = async ({ user, verb, part }: { user: string; verb: string; part: string }) => {
    const what = ['wsclusters.wscluster.io', ...(part === '' ? [] : [`--subresource=${part}`])];
    const ask = ['auth', 'can-i', verb, ...what, '--as', user];
    return (await target.kubectl.attempt('-n', HOME, ...ask)).stdout.trim();
  };
  const podsOf = async (): Promise<readonly Pod[]> => {
    const list = await target.kubectl.get('-n', HOME, 'pods', '-l', GATEWAYS);
    return (list as { readonly items: Pod[] }).items;
  };

  before(async () => {
    target = await startInstallable();
    await refuseDefinition(target.kubectl);
    const [, helm4] = await helms(target.lab?.kubeconfig ?? process.env['E2E_KUBECONFIG']);
    helm = helm4;
    await target.kubectl.apply(namespace(SYSTEM));
    await knowMonitoring(target.kubectl, MONITORING);
    await home(target.kubectl, HOME);
    const metadata = { name: CREATOR, namespace: HOME };
    await target.kubectl.apply(
      {
        ...{ apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'Role', metadata },
        rules: [
          { apiGroups: ['wscluster.io'], resources: ['wsclusters'], verbs: ['create', 'get'] },
        ],
      },
      {
        ...{ apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'RoleBinding', metadata },
        roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: CREATOR },
        subjects: [{ kind: 'User', apiGroup: 'rbac.authorization.k8s.io', name: CREATOR }],
      },
    );
    const allow = 'policy.allow.secrets={chat-redis,marked}';
    // The port of full.yaml, which is applied over it.
    const metricsApi = ['metricsApi.enabled=true', 'metricsApi.port=10250'];
    const also = ['podMonitor.enabled=true', ...metricsApi].flatMap((set) => ['--set', set]);
    await helm('install', 'wscluster', CHART, '-n', SYSTEM, '--set', allow, ...also);
    await established(target.kubectl, DEFINITION);
  });

  after(async () => {
    await helm?.attempt('uninstall', 'wscluster', '-n', SYSTEM, '--ignore-not-found', '--wait');
    for (const definition of [DEFINITION, ...MONITORING.map(monitoringDefinition)]) {
      await target.kubectl('delete', definition, '--ignore-not-found', '--timeout=60s');
    }
    for (const name of [HOME, SYSTEM]) {
      await target.kubectl('delete', 'namespace', name, '--ignore-not-found', '--wait=false');
    }
    await target.stop();
  });

  test('the API server takes all that the chart renders, whatever the values', async () => {
    const folder = join(import.meta.dirname, 'golden', 'chart');
    const files = await readdir(folder);
    assert.equal(files.length, 4);
    // Those that the golden file of some namespaces names.
    await target.kubectl.apply(namespace('chat'), namespace('games'));
    for (const file of files) {
      const how = ['--server-side', '--dry-run=server', '--force-conflicts', '--validate=strict'];
      await target.kubectl('apply', ...how, '-f', join(folder, file));
    }
    await target.kubectl('delete', 'namespace', 'chat', 'games', '--wait=false');
  });

  test('a WsCluster gives its creator a working cluster, and no right', async () => {
    const held = async () => (await as('auth', 'can-i', '--list')).stdout;
    const before = await held();
    const created = await target.kubectl.attemptPiped(
      ['create', '-f', '-', '--as', CREATOR],
      chat(HOME),
    );
    assert.equal(created.code, 0, created.stderr);
    await becomesReady(target.kubectl, HOME);
    assert.equal(await held(), before);
    const pod = (await podsOf())[0]?.metadata.name ?? '';
    const deployment = (await inHome('get', 'deployment', '-o', 'name')).trim();
    const attempts: readonly (readonly string[])[] = [
      ['get', 'secrets'],
      ['get', 'secret/chat-redis'],
      ['get', 'configmaps'],
      ['get', 'pods'],
      ['logs', pod],
      ['exec', pod, '--', 'node', '--version'],
      ['delete', 'pod', pod],
      ['debug', pod, '--image=x', '--target=gateway'],
      ['create', 'token', 'chat'],
      ['create', 'token', 'default'],
      ['scale', deployment, '--replicas=0'],
      ['set', 'image', deployment, 'gateway=x'],
      ['annotate', 'service/chat', 'a=b'],
      ['scale', 'wsc/chat', '--replicas=1'],
      ['patch', 'wsc/chat', '--type=merge', '-p', '{"spec":{"replicas":1}}'],
      ['patch', 'wsc/chat', '--subresource=status', '--type=merge', '-p', '{"status":{"a":1}}'],
      ['delete', 'wsc/chat'],
      ['create', 'configmap', 'a'],
      ['create', 'role', 'a', '--verb=get', '--resource=secrets'],
      ['-n', SYSTEM, 'get', 'secrets'],
      ['-n', SYSTEM, 'create', 'token', 'wscluster-operator'],
      ['-n', 'default', 'create', 'configmap', 'a'],
      ['get', 'nodes'],
      ['get', 'namespaces'],
    ];
    for (const attempt of attempts) {
      const { code, stderr } = await as(...attempt);
      assert.notEqual(code, 0, attempt.join(' '));
      assert.match(stderr, /forbidden|Forbidden/, `${attempt.join(' ')}: ${stderr}`);
    }
    const elsewhere = await target.kubectl.attemptPiped(
      ['create', '-f', '-', '--as', CREATOR],
      chat('default'),
    );
    assert.match(elsewhere.stderr, /cannot create resource "wsclusters"/);
  });

  test('its pods have nothing of the node, no account, and no other Secret', async () => {
    for (const pod of await podsOf()) {
      const { spec } = pod;
      const text = JSON.stringify(spec);
      for (const word of ['hostPath', 'hostNetwork', 'hostPID', 'hostIPC', 'privileged":true']) {
        assert.ok(!text.includes(word), word);
      }
      assert.equal(spec['serviceAccountName'], 'chat');
      assert.equal(spec['automountServiceAccountToken'], false);
      assert.ok(!text.includes('serviceAccountToken":{'));
      const secrets = [...text.matchAll(/"secret":\{"items":[^}]*\}\],"name":"([^"]*)"/g)];
      assert.deepEqual([...new Set(secrets.map(([, name]) => name))], ['chat-redis']);
    }
  });

  test('what is in a Secret that it names is told to nobody', async () => {
    const names = ['url', 'password', 'ca.crt', 'tls.crt', 'tls.key', 'jwks.json', 'keys'];
    await target.kubectl.apply({
      ...{ apiVersion: 'v1', kind: 'Secret', metadata: { name: 'marked', namespace: HOME } },
      stringData: Object.fromEntries(names.map((name) => [name, MARK])),
    });
    const marked = { name: 'marked' };
    const spec = {
      replicas: 1,
      redis: {
        urlSecretRef: marked,
        passwordSecretRef: marked,
        tls: { caSecretRef: marked, certificateSecretRef: marked },
      },
      auth: { keysSecretRef: marked, apiKeysSecretRef: marked },
    };
    await target.kubectl.apply(chat(HOME, spec, 'nosy'));
    const degraded = '{.status.conditions[?(@.type=="Degraded")].reason}';
    await until(
      async () => (await inHome('get', 'wsc/nosy', `-o=jsonpath=${degraded}`)) === 'SecretUnusable',
      { for: 'the operator to say that the Secret is of no use', deadlineMs: 90_000, everyMs: 250 },
    );
    const told = await Promise.all([
      inHome('get', 'wsc/nosy', '-o', 'yaml'),
      inHome('get', 'events', '-o', 'yaml'),
      inHome('get', 'configmaps', '-o', 'yaml'),
      inHome('logs', '-l', 'wscluster.io/cluster=nosy', '--tail=-1'),
      target.kubectl('-n', SYSTEM, 'logs', '-l', 'app.kubernetes.io/name=wscluster-operator'),
    ]);
    for (const text of told) {
      assert.ok(text.length > 0);
      assert.ok(!text.includes(MARK.slice(0, 7)), text.slice(text.indexOf('hunter2') - 200));
    }
    await inHome('delete', 'wsc/nosy', '--timeout=60s');
  });

  test('view, edit and admin have what they should on WsClusters', async () => {
    const may = async (role: string, verb: string, part = '') => {
      const metadata = { name: role, namespace: HOME };
      const apiGroup = 'rbac.authorization.k8s.io';
      await target.kubectl.apply({
        ...{ apiVersion: `${apiGroup}/v1`, kind: 'RoleBinding', metadata },
        roleRef: { apiGroup, kind: 'ClusterRole', name: role },
        subjects: [{ kind: 'User', apiGroup, name: `a-${role}` }],
      });
      return canI({ user: `a-${role}`, verb, part });
    };
    const expected: Readonly<Record<string, Readonly<Record<string, string>>>> = {
      view: { get: 'yes', watch: 'yes', create: 'no', patch: 'no', delete: 'no' },
      edit: { get: 'yes', watch: 'yes', create: 'yes', patch: 'yes', delete: 'yes' },
      admin: { get: 'yes', watch: 'yes', create: 'yes', patch: 'yes', delete: 'yes' },
    };
    for (const [role, verbs] of Object.entries(expected)) {
      for (const [verb, answer] of Object.entries(verbs)) {
        await until(async () => (await may(role, verb)) === answer, {
          for: `${role} ${verb}: ${answer}`,
          ...{ deadlineMs: 30_000, everyMs: 500 },
        });
      }
      assert.equal(await may(role, 'patch', 'status'), 'no');
      assert.equal(await may(role, 'patch', 'scale'), role === 'view' ? 'no' : 'yes');
    }
  });

  const revisions = async () =>
    (await inHome('get', 'deployments', '-l', GATEWAYS, '-o=name')).trim();
  const gatewaysReplaced = async (was: string) => {
    const isReplaced = async () => {
      const is = await revisions();
      return is !== was && !is.includes('\n');
    };
    await until(isReplaced, {
      for: 'the gateways of before to be gone',
      ...{ deadlineMs: 180_000, everyMs: 500 },
    });
  };

  const allMadeAnew = async () => {
    const kinds =
      'hpa,pdb,networkpolicies,services,serviceaccounts,configmaps,podmonitors,deployments';
    const before = await gatewaysIn(target.kubectl, HOME);
    await inHome('delete', kinds, '-l', GATEWAYS);
    // Its status may still be that of before: a rollout of gateways that do not serve empties none.
    await until(
      async () => {
        const there = [...(await gatewaysIn(target.kubectl, HOME))];
        return there.length === 2 && there.every(([name, { ready }]) => ready && !before.has(name));
      },
      { for: 'two other gateways', deadlineMs: 180_000, everyMs: 500 },
    );
    await becomesReady(target.kubectl, HOME);
  };

  test('the operator uses every right that it has, and misses none', async (t) => {
    const lab = labOf(target, t, 'show its audit log');
    if (lab === undefined) return;
    // All that is made is taken away, changed, and not wanted any more.
    await target.kubectl.apply(chat(HOME, { autoscaling: { minReplicas: 2, maxReplicas: 3 } }));
    await until(
      async () => {
        const path = '-o=jsonpath={.status.conditions[?(@.type=="ScalingActive")].status}';
        return (await inHome('get', 'wsc/chat', path)) === 'True';
      },
      { for: 'an autoscaler that can scale', deadlineMs: 90_000, everyMs: 250 },
    );
    await allMadeAnew();
    const without = {
      networkPolicy: { enabled: false },
      metrics: { podMonitor: { enabled: false } },
      limits: { topicsPerConnection: 7 },
      disruption: { drainGraceSeconds: 0, drainDeadlineSeconds: 1 },
      rollout: { maxSurge: '100%', minReadySeconds: 0 },
    };
    const was = await revisions();
    await target.kubectl.apply(chat(HOME, without));
    await gatewaysReplaced(was);
    await becomesReady(target.kubectl, HOME);
    // Another one leads, and begins from what is there.
    const leads = await leader(target.kubectl, SYSTEM);
    await target.kubectl('-n', SYSTEM, 'delete', 'pod', leads);
    await until(async () => (await leader(target.kubectl, SYSTEM)) !== leads, {
      for: 'another one to lead',
      ...{ deadlineMs: 60_000, everyMs: 250 },
    });
    await inHome('delete', 'wsc/chat', '--timeout=60s');

    const all = [...rights, ...ownRights, ...metricsRights, ...ownMetricsRights];
    const granted = all.flatMap(namesOf);
    let used: ReadonlySet<string> = new Set();
    let idle: string[] = [];
    await until(
      async () => {
        used = new Set((await callsBy(lab, ACCOUNT)).flatMap(usedBy));
        idle = granted.filter((right) => !used.has(right) && exceptions[right] === undefined);
        return idle.length === 0;
      },
      { for: () => `these to be used: ${idle.join(', ')}`, deadlineMs: 60_000, everyMs: 500 },
    );
    // As that admission asks.
    const update = { user: ACCOUNT, verb: 'update', part: 'finalizers' };
    assert.equal(await canI(update), 'yes');
    for (const right of Object.keys(exceptions)) assert.ok(granted.includes(right), right);
    const refused = (await callsBy(lab, ACCOUNT)).filter(
      ({ responseStatus }) => responseStatus?.code === 403,
    );
    assert.deepEqual(
      refused.map(({ verb, requestURI }) => `${verb} ${requestURI}`),
      [],
    );
    const foreign = [...used].filter((right) => !granted.includes(right));
    assert.deepEqual(foreign, []);
  });
});

const namesOf = ({ group, resource, verbs }: Right): string[] =>
  verbs.map((verb) => nameOf({ verb, group, resource }));

function nameOf(call: { verb: string; group: string; resource: string }): string {
  const [plural = '', subresource] = call.resource.split('/');
  const kind = call.group === '' ? plural : `${plural}.${call.group}`;
  return `${call.verb} ${kind}${subresource === undefined ? '' : `/${subresource}`}`;
}

/** Whoever applies what is not there needs the right to create, too. What has no object is free. */
function usedBy({ verb, objectRef, responseStatus }: Audited): string[] {
  const { apiGroup: group = '', resource, subresource } = objectRef ?? {};
  if (resource === undefined) return [];
  const whole = subresource === undefined ? resource : `${resource}/${subresource}`;
  const verbs = verb === 'patch' && responseStatus?.code === 201 ? [verb, 'create'] : [verb];
  return verbs.map((each) => nameOf({ verb: each, group, resource: whole }));
}
