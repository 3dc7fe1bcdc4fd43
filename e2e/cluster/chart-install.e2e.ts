import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { parseAllDocuments } from 'yaml';
import { until } from '../deadline.ts';
import { DEFINITION, DEFINITION_FILE, established, refuseDefinition } from './definition.ts';
import { CHART, type Helm, helms } from './helm.ts';
import {
  becomesReady,
  chat,
  GATEWAYS,
  home,
  leader,
  livesOf,
  OPERATORS,
  startInstallable,
} from './installation.ts';
import type { Target } from './target.ts';
import { namespace } from './workload.ts';

/** That of README, and of the plain file. */
const SYSTEM = 'wscluster-system';
const HOME = `chart-${process.pid}`;
const PLAIN = join(import.meta.dirname, '..', '..', 'deploy', 'wscluster.yaml');
const TEAM = `chart-team-${process.pid}`;
const TEAM_SYSTEM = `chart-team-system-${process.pid}`;
const RELEASE = ['wscluster', CHART, '-n', SYSTEM] as const;

describe('the chart on a cluster', () => {
  let target: Target;
  let both: readonly [Helm, Helm];

  const inHome = (...args: readonly string[]) => target.kubectl('-n', HOME, ...args);
  const inSystem = (...args: readonly string[]) => target.kubectl('-n', SYSTEM, ...args);
  const gateways = () => livesOf(target.kubectl, HOME, GATEWAYS);
  const operators = () => livesOf(target.kubectl, SYSTEM, OPERATORS);
  const rolledOut = async () => {
    await inSystem('rollout', 'status', 'deployment/wscluster-operator', '--timeout=120s');
    return leader(target.kubectl, SYSTEM);
  };
  /** An operator works: what is taken away comes back. */
  const mends = async () => {
    await inHome('delete', 'pdb/chat');
    await until(
      async () => (await target.kubectl.attempt('-n', HOME, 'get', 'pdb/chat')).code === 0,
      {
        for: 'the operator to make the budget anew',
        ...{ deadlineMs: 60_000, everyMs: 250 },
      },
    );
  };
  const nobodyOperates = () =>
    until(async () => (await operators()).length === 0, {
      for: 'the operators to be gone',
      ...{ deadlineMs: 60_000, everyMs: 250 },
    });

  before(async () => {
    target = await startInstallable();
    await refuseDefinition(target.kubectl);
    both = await helms(target.lab?.kubeconfig ?? process.env['E2E_KUBECONFIG']);
    // Before the chart, which would make it without this.
    await target.kubectl.apply(namespace(SYSTEM));
    await home(target.kubectl, HOME);
  });

  after(async () => {
    for (const helm of both ?? []) {
      await helm.attempt('uninstall', 'wscluster', '-n', SYSTEM, '--ignore-not-found', '--wait');
    }
    await both?.[1].attempt('uninstall', 'team', '-n', TEAM_SYSTEM, '--ignore-not-found');
    // What kubectl made of it.
    await target.kubectl('delete', '--ignore-not-found', '--wait=false', '-f', PLAIN);
    await target.kubectl('delete', DEFINITION, '--ignore-not-found', '--timeout=60s');
    for (const name of [HOME, SYSTEM, TEAM, TEAM_SYSTEM]) {
      await target.kubectl('delete', 'namespace', name, '--ignore-not-found', '--wait=false');
    }
    await target.stop();
  });

  for (const which of [0, 1] as const) {
    const name = `Helm ${which + 3}`;

    test(`${name} installs it, and a WsCluster becomes ready`, async () => {
      const helm = both[which];
      const notes = await helm('install', ...RELEASE, '--create-namespace');
      assert.match(notes, /kubectl create secret generic chat-redis/);
      await established(target.kubectl, DEFINITION);
      await target.kubectl.apply(chat(HOME));
      await rolledOut();
      await becomesReady(target.kubectl, HOME);
      await mends();
    });

    test(`${name}: helm test passes messages through the Service`, async () => {
      const helm = both[which];
      const plain = await helm('test', 'wscluster', '-n', SYSTEM, '--logs');
      assert.match(plain, /the API server knows WsClusters/);
      assert.match(plain, /no WsCluster was named/);
    });

    test(`${name} upgrades and rolls back without a gateway noticing`, async () => {
      const helm = both[which];
      const [was, operating] = [await gateways(), await operators()];
      assert.equal(was.length, 2);
      const named = `test.wsCluster=chat,test.namespace=${HOME}`;
      const another = 'podAnnotations.another=x,logLevel=debug';
      const values = ['--reuse-values', '--set', named, '--set', another];
      await helm('upgrade', ...RELEASE, ...values, '--wait', '--timeout', '120s');
      await rolledOut();
      await until(async () => !(await operators()).some((one) => operating.includes(one)), {
        for: 'other operators',
        ...{ deadlineMs: 60_000, everyMs: 250 },
      });
      await mends();
      const told = await helm('test', 'wscluster', '-n', SYSTEM, '--logs');
      assert.match(told, /resumed: what was missed came in order, once, and without a gap/);
      await helm('rollback', 'wscluster', '1', '-n', SYSTEM, '--wait', '--timeout', '120s');
      await rolledOut();
      const path = '-o=jsonpath={.spec.template.metadata.annotations.another}';
      assert.equal(await inSystem('get', 'deployment/wscluster-operator', path), '');
      await mends();
      await becomesReady(target.kubectl, HOME);
      assert.deepEqual(await gateways(), was);
    });

    test(`${name} uninstalls it; all that users made stays, and the next one goes on`, async () => {
      const helm = both[which];
      const was = await gateways();
      await helm('uninstall', 'wscluster', '-n', SYSTEM, '--wait', '--timeout', '120s');
      await nobodyOperates();
      await target.kubectl('get', DEFINITION);
      await inHome('get', 'wsc/chat');
      assert.deepEqual(await gateways(), was);
      await helm('install', ...RELEASE);
      await rolledOut();
      await mends();
      await becomesReady(target.kubectl, HOME);
      assert.deepEqual(await gateways(), was);
      await helm('uninstall', 'wscluster', '-n', SYSTEM, '--wait', '--timeout', '120s');
      await nobodyOperates();
    });

    test(`${name}: a definition of kubectl’s is left alone, or given to it`, async () => {
      const helm = both[which];
      const owner = ['meta.helm.sh/release-name-', 'meta.helm.sh/release-namespace-'];
      await target.kubectl('annotate', DEFINITION, ...owner);
      await target.kubectl('label', DEFINITION, 'app.kubernetes.io/managed-by-');
      await target.kubectl('apply', '--server-side', '--force-conflicts', '-f', DEFINITION_FILE);
      await helm('install', ...RELEASE);
      const path = '-o=jsonpath={.metadata.annotations.meta\\.helm\\.sh/release-name}';
      assert.equal(await target.kubectl('get', DEFINITION, path), '');
      await helm('uninstall', 'wscluster', '-n', SYSTEM, '--wait', '--timeout', '120s');

      // As one of another version.
      await target.kubectl('annotate', '--overwrite', DEFINITION, 'wscluster.io/definition=other');
      const { code, stderr } = await helm.attempt('install', ...RELEASE);
      assert.notEqual(code, 0);
      assert.match(stderr, /wsclusters.wscluster.io is there, differs .* belongs to no release/);
      assert.match(stderr, /kubectl apply --server-side --force-conflicts -f -/);
      assert.match(stderr, /--set crds.install=false/);
      // What the message says.
      const rendered = await helm(
        ...['template', ...RELEASE, '--kube-version', '1.35.0'],
        ...['--show-only', 'templates/crd.yaml'],
      );
      const [definition] = documents(rendered);
      const apply = ['apply', '--server-side', '--force-conflicts', '-f', '-'];
      await target.kubectl.piped(apply, definition ?? {});
      const label = 'app.kubernetes.io/managed-by=Helm';
      await target.kubectl('label', '--overwrite', DEFINITION, label);
      const release = ['wscluster', SYSTEM];
      const owned = ['name', 'namespace'].map(
        (what, index) => `meta.helm.sh/release-${what}=${release[index]}`,
      );
      await target.kubectl('annotate', '--overwrite', DEFINITION, ...owned);
      await helm('install', ...RELEASE);
      assert.equal(await target.kubectl('get', DEFINITION, path), 'wscluster');
      await helm('uninstall', 'wscluster', '-n', SYSTEM, '--wait', '--timeout', '120s');
      await target.kubectl('get', DEFINITION);
      await nobodyOperates();
    });
  }

  test('kubectl installs the plain file, and takes it away', async () => {
    const was = await gateways();
    await target.kubectl('apply', '--server-side', '--force-conflicts', '-f', PLAIN);
    await rolledOut();
    await mends();
    await becomesReady(target.kubectl, HOME);
    assert.deepEqual(await gateways(), was);
    // The definition and the namespace first, and whatever else stands after them, would take all.
    await inSystem('delete', 'deployment/wscluster-operator', '--timeout=60s');
    await nobodyOperates();
    assert.deepEqual(await gateways(), was);
  });

  test('one looks after some namespaces, and has no rights in others', async () => {
    await home(target.kubectl, TEAM);
    await target.kubectl.apply(namespace(TEAM_SYSTEM));
    const watch = ['--set', `watchNamespaces={${TEAM}}`];
    // The definition is that of the plain file, and the same.
    await both[1]('install', 'team', CHART, '-n', TEAM_SYSTEM, ...watch);
    await target.kubectl.apply(chat(TEAM));
    await becomesReady(target.kubectl, TEAM);
    const account = ['--as', `system:serviceaccount:${TEAM_SYSTEM}:wscluster-operator`];
    const may = async (where: string, verb: string, what: string) => {
      const ask = ['-n', where, 'auth', 'can-i', verb, what, ...account];
      return (await target.kubectl.attempt(...ask)).stdout.trim();
    };
    assert.equal(await may(TEAM, 'list', 'pods'), 'yes');
    for (const where of [HOME, SYSTEM, 'default']) {
      assert.equal(await may(where, 'list', 'pods'), 'no');
      assert.equal(await may(where, 'list', 'wsclusters.wscluster.io'), 'no');
    }
    assert.equal(await may(TEAM, 'get', 'secrets'), 'no');
    const said = await target.kubectl('-n', TEAM_SYSTEM, 'logs', '-l', OPERATORS, '--tail=-1');
    assert.doesNotMatch(said, /[Ff]orbidden/);
    // That of the plain file is for all namespaces.
    const kinds = 'validatingadmissionpolicy,validatingadmissionpolicybinding';
    await target.kubectl('delete', kinds, `wscluster.${SYSTEM}`);
    const published = async (where: string) => {
      const create = ['create', '--dry-run=server', '-f', '-'];
      const object = chat(where, { service: { type: 'NodePort' } }, 'other');
      return (await target.kubectl.attemptPiped(create, object)).stderr;
    };
    await until(async () => (await published(HOME)) === '', {
      for: 'the policy of the plain file to be gone',
      ...{ deadlineMs: 30_000, everyMs: 250 },
    });
    const refusal = new RegExp(`'wscluster.${TEAM_SYSTEM}'.* policy.allow.serviceTypes`);
    assert.match(await published(TEAM), refusal);
  });
});

function documents(text: string): object[] {
  return parseAllDocuments(text)
    .map((document) => document.toJS() as object | null)
    .filter((object) => object !== null);
}
