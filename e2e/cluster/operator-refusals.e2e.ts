import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { pause, until } from '../deadline.ts';
import type { Passage } from './api-proxy.ts';
import { isSettled, podsOf, remains } from './cluster-state.ts';
import { OperatorTeam } from './operator-team.ts';
import { OperatorWorld } from './operator-world.ts';
import { StandInPods } from './stand-in-pods.ts';
import { labOnly } from './target.ts';

const NAMESPACE = `refusals-${process.pid}`;
const SYSTEM = `refusals-system-${process.pid}`;
/** Most writes of a creation. */
const CALLS = 14;

const at = (name: string) => ({ namespace: NAMESPACE, name });

/** Something of each kind that is nobody's, under a name that the operator would use. */
const FOREIGN: Readonly<Record<string, (name: string, revision: string) => object>> = {
  ServiceAccount: (name) => ({ apiVersion: 'v1', metadata: { name } }),
  Service: (name) => ({ apiVersion: 'v1', metadata: { name }, spec: { ports: [{ port: 1 }] } }),
  ConfigMap: (name) => ({ apiVersion: 'v1', metadata: { name: `${name}-ring` } }),
  PodDisruptionBudget: (name) => ({
    ...{ apiVersion: 'policy/v1', metadata: { name } },
    spec: { selector: { matchLabels: { app: 'other' } } },
  }),
  NetworkPolicy: (name) => ({
    ...{ apiVersion: 'networking.k8s.io/v1', metadata: { name } },
    spec: { podSelector: { matchLabels: { app: 'other' } } },
  }),
  Deployment: (name, revision) => ({
    ...{ apiVersion: 'apps/v1', metadata: { name: `${name}-${revision}` } },
    spec: {
      ...{ replicas: 0, selector: { matchLabels: { app: 'other' } } },
      template: {
        metadata: { labels: { app: 'other' } },
        spec: { containers: [{ name: 'other', image: 'other' }] },
      },
    },
  }),
  PodMonitor: (name) => ({ apiVersion: 'monitoring.coreos.com/v1', metadata: { name } }),
};

describe('what stands in the way of a WsCluster', labOnly, () => {
  let world: OperatorWorld;
  let pods: StandInPods;
  let team: OperatorTeam;
  /** The same for all of them: they differ in nothing that pods are made from. */
  let revision = '';

  const inNamespace = (...args: readonly string[]) =>
    world.target.kubectl('-n', NAMESPACE, ...args);
  const settled = (name: string) =>
    until(async () => isSettled(await world.read(at(name))), {
      for: `${name} to settle`,
      deadlineMs: 60_000,
    });
  const told = (name: string, what: RegExp) => world.told(at(name), what);

  before(async () => {
    world = await OperatorWorld.start({ nodes: 0, namespaces: [NAMESPACE, SYSTEM] });
    await world.knowPodMonitors();
    pods = await StandInPods.start(world.target);
    const gatewayImage = 'example.com/gateway:0.1.0';
    team = new OperatorTeam(world.target, world.hand, {
      ...{ namespace: SYSTEM, watch: NAMESPACE, gatewayImage },
    });
    await team.leader();
    await world.create(at('plain'), { replicas: 1 });
    await settled('plain');
    revision = (await world.read(at('plain'))).status?.revision?.name ?? '';
  });
  after(async () => {
    await team?.stop();
    await pods?.stop();
    await world?.stop();
  });

  for (const [kind, object] of Object.entries(FOREIGN)) {
    test(`a ${kind} of somebody else is left alone, named, and waited for`, async () => {
      const name = `foreign-${kind.toLowerCase()}`;
      const given = object(name, revision) as { metadata: { name: string } };
      const metadata = { ...given.metadata, namespace: NAMESPACE };
      await world.target.kubectl.apply({ ...given, kind, metadata });
      const what = `${kind.toLowerCase()}/${metadata.name}`;
      const essence = ['-o', 'jsonpath={.metadata.uid} {.metadata.resourceVersion}'];
      const before = await inNamespace('get', what, ...essence);
      await world.create(at(name), { replicas: 1, metrics: { podMonitor: { enabled: true } } });
      const message = await world.reaches(at(name), 'Degraded', 'True ForeignObject');
      assert.match(message, new RegExp(`^${kind} ${metadata.name} exists and does not belong to `));
      const advice = `kubectl -n ${NAMESPACE} delete ${kind.toLowerCase()} ${metadata.name}`;
      assert.ok(message.includes(advice), message);
      await told(name, new RegExp(`^ForeignObject: ${kind} ${metadata.name} exists`));
      assert.equal(await inNamespace('get', what, ...essence), before);
      await inNamespace('delete', what);
      await settled(name);
      await told(name, /^Recovered: /);
    });
  }

  test('one of its own that was disowned is nobody’s, until it is deleted', async () => {
    await world.create(at('disowned'), { replicas: 1 });
    await settled('disowned');
    const had = await podsOf(world.hand.api, at('disowned'));
    const patch = JSON.stringify({ metadata: { ownerReferences: null } });
    await inNamespace('patch', 'service/disowned', '--type=merge', '-p', patch);
    await world.reaches(at('disowned'), 'Degraded', 'True ForeignObject');
    await inNamespace('delete', 'service/disowned');
    await settled('disowned');
    assert.deepEqual(await podsOf(world.hand.api, at('disowned')), had);
  });

  test('a ResourceQuota is named, pods that run stay, and go on when it is raised', async () => {
    await world.create(at('quota'), { replicas: 2 });
    await settled('quota');
    const had = await podsOf(world.hand.api, at('quota'));
    const used = ((await world.target.kubectl.get('-n', NAMESPACE, 'pods')) as { items: unknown[] })
      .items.length;
    const quota = (pods: number) =>
      world.target.kubectl.apply({
        ...{ apiVersion: 'v1', kind: 'ResourceQuota' },
        metadata: { name: 'few', namespace: NAMESPACE },
        spec: { hard: { pods: String(pods) } },
      });
    await quota(used);
    await until(
      async () =>
        (await inNamespace('get', 'quota/few', '-o', 'jsonpath={.status.used.pods}')) !== '',
      { for: 'the quota to count', deadlineMs: 20_000, everyMs: 100 },
    );
    await world.change(at('quota'), { replicas: 4 });
    const message = await world.reaches(at('quota'), 'Degraded', 'True QuotaBlocked');
    assert.match(
      message,
      /exceeded quota: few.*: raise the ResourceQuota, or lower spec\.replicas/,
    );
    await told('quota', /^QuotaBlocked: .*exceeded quota: few/);
    const has = new Set(await podsOf(world.hand.api, at('quota')));
    assert.deepEqual(
      had.filter((uid) => !has.has(uid)),
      [],
    );
    assert.equal((await world.condition(at('quota'), 'Available')).is, 'False NotEnoughReady');
    await quota(used + 10);
    await until(async () => isSettled(await world.read(at('quota'))), {
      for: 'it to settle with four',
      // A ReplicaSet that was refused waits longer each time.
      deadlineMs: 120_000,
    });
    await inNamespace('delete', 'quota/few');
  });

  test('a spec edited twice in a second becomes the last one, and leaves nothing', async () => {
    await world.create(at('twice'), { replicas: 2 });
    await settled('twice');
    await world.change(at('twice'), { heartbeat: { intervalSeconds: 21 }, replicas: 3 });
    await pause(200);
    await world.change(at('twice'), { heartbeat: { intervalSeconds: 22 }, replicas: 1 });
    await settled('twice');
    await until(
      async () => {
        const all = await remains(world.hand.api, NAMESPACE, 'twice');
        const count = (kind: string) => all.filter((line) => line.startsWith(`${kind} `)).length;
        return count('Deployment') === 1 && count('Pod') === 1 && count('ConfigMap') === 2;
      },
      { for: 'one Deployment and its pod', deadlineMs: 30_000, everyMs: 200 },
    );
    const environment = await inNamespace(
      ...['get', 'configmaps', '-l', 'wscluster.io/cluster=twice', '-o', 'json'],
    );
    assert.match(environment, /"WSCLUSTER_EDGE_HEARTBEAT_MS": "22000"/);
  });

  test('what is deleted in the middle of its creation leaves nothing, at any call', async (t) => {
    const { proxy } = await team.leader();
    let bit = 0;
    for (let call = 1; call <= CALLS; call += 1) {
      const name = `unborn-${call}`;
      let writes = 0;
      let deleted: Promise<void> | undefined;
      proxy.before = async ({ kind }): Promise<Passage> => {
        if (kind !== 'write') return 'pass';
        writes += 1;
        // It is gone before this one arrives.
        if (writes === call) deleted = world.remove(at(name));
        if (writes === call) await deleted;
        return 'pass';
      };
      await world.create(at(name), { replicas: 1, metrics: { podMonitor: { enabled: true } } });
      const settles = () => world.read(at(name)).then(isSettled, () => false);
      await until(async () => deleted !== undefined || (await settles()), {
        for: `${name} to be deleted`,
        deadlineMs: 30_000,
      });
      if (deleted !== undefined) bit += 1;
      else await world.remove(at(name));
      await deleted;
    }
    proxy.before = () => 'pass';
    assert.ok(bit >= 11, `${bit} were deleted in the middle`);
    t.diagnostic(`${bit} were deleted in the middle`);
    let left: string[] = [];
    await until(
      async () => {
        left = (await remains(world.hand.api, NAMESPACE)).filter((line) => /unborn/.test(line));
        return left.length === 0;
      },
      { for: () => `all to go, not ${left.join()}`, deadlineMs: 90_000, everyMs: 500 },
    );
    await team.quiet(5_000);
  });
});
