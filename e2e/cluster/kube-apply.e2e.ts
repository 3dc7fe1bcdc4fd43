import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';
import { type Applied, Applier } from '../../operator/kube/applier.ts';
import type { ApiServer, Call } from '../../operator/kube/connection.ts';
import { EventRecorder } from '../../operator/kube/event-recorder.ts';
import { isConflict } from '../../operator/kube/kube-error.ts';
import { isKubeObject, isRecord, type KubeObject } from '../../operator/kube/objects.ts';
import { remove } from '../../operator/kube/remove.ts';
import { pathOf, type Resource } from '../../operator/kube/resource.ts';
import { foregroundClock } from '../../protocol/clock.ts';
import { until } from '../deadline.ts';
import { established } from './definition.ts';
import { type Connected, configMap, configMaps, connect } from './kube-target.ts';
import { startTarget, type Target } from './target.ts';
import { namespace } from './workload.ts';

const deployments: Resource = {
  ...{ group: 'apps', version: 'v1', plural: 'deployments', kind: 'Deployment', namespaced: true },
};
/** A kind whose fields nobody knows. */
const things: Resource = {
  ...{ group: 'kube.test', version: 'v1', plural: 'things', kind: 'Thing', namespaced: true },
};
const open = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };
const definition = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'things.kube.test' },
  spec: {
    ...{ group: 'kube.test', scope: 'Namespaced' },
    names: { plural: 'things', singular: 'thing', kind: 'Thing' },
    versions: [
      {
        ...{ name: 'v1', served: true, storage: true, subresources: { status: {} } },
        schema: { openAPIV3Schema: { ...open, properties: { spec: open, status: open } } },
      },
    ],
  },
};

const OURS = { 'kube.test/ours': 'yes' };
const isOurs = ({ metadata }: KubeObject) => metadata.labels?.['kube.test/ours'] === 'yes';
const { signal } = new AbortController();

describe('writes to a real API server', () => {
  const NAMESPACE = `kube-apply-${process.pid}`;
  let target: Target;
  let connected: Connected;
  let applier: Applier;
  let calls: Call[] = [];

  const api = (): ApiServer => ({
    call: (call) => {
      calls.push(call);
      return connected.api.call(call);
    },
    watch: (watching) => connected.api.watch(watching),
  });
  const read = async (resource: Resource, name: string): Promise<KubeObject | undefined> => {
    const path = pathOf(resource, { namespace: NAMESPACE, name });
    const found = await connected.api.call({ method: 'GET', path }).catch(() => undefined);
    return isKubeObject(found) ? found : undefined;
  };
  const apply = async (resource: Resource, desired: KubeObject): Promise<Applied> => {
    const observed = await read(resource, desired.metadata.name ?? '');
    return applier.apply({ resource, desired, observed, isOurs, signal });
  };
  const methods = () => calls.splice(0).map(({ method }) => method);
  const newApplier = () =>
    new Applier({ api: api(), fieldManager: 'kube-test', annotation: 'kube.test/applied' });
  const patch = (kind: string, name: string, change: object) =>
    target.kubectl(
      '-n',
      NAMESPACE,
      'patch',
      kind,
      name,
      '--type=merge',
      '-p',
      JSON.stringify(change),
    );

  /** A Deployment that says nothing of its replicas, and a quantity in another form. */
  const web = (spec: object = {}): KubeObject & { readonly spec: object } => ({
    metadata: { namespace: NAMESPACE, name: 'web', labels: OURS },
    spec: {
      selector: { matchLabels: { app: 'web' } },
      template: {
        metadata: { labels: { app: 'web' } },
        spec: {
          nodeSelector: { nowhere: 'true' },
          containers: [
            {
              ...{ name: 'main', image: 'nothing', env: [{ name: 'A', value: '1' }] },
              resources: { requests: { cpu: '1000m', memory: '1024Mi' } },
            },
          ],
        },
      },
      ...spec,
    },
  });

  before(async () => {
    target = await startTarget({ nodes: 1 });
    await target.kubectl.apply(namespace(NAMESPACE), definition);
    await established(target.kubectl, 'crd/things.kube.test');
  });
  beforeEach(async () => {
    connected = await connect(target);
    applier = newApplier();
    calls = [];
  });
  afterEach(() => connected.transport.close());
  after(async () => {
    await target.kubectl('delete', 'crd', 'things.kube.test', '--wait=false');
    await target.kubectl('delete', 'namespace', NAMESPACE, '--wait=false');
    await target.stop();
  });

  test('an object that is as desired costs nothing, whatever is defaulted', async () => {
    assert.equal((await apply(deployments, web())).outcome, 'created');
    assert.deepEqual(methods(), ['GET', 'PATCH']);
    for (let count = 0; count < 5; count += 1) {
      assert.equal((await apply(deployments, web())).outcome, 'unchanged');
    }
    // Its status is written by others meanwhile.
    await target.kubectl('-n', NAMESPACE, 'rollout', 'status', 'deploy/web', '--watch=false');
    assert.equal((await apply(deployments, web())).outcome, 'unchanged');
    assert.deepEqual(methods(), []);
    applier = newApplier();
    const version = (await read(deployments, 'web'))?.metadata.generation;
    assert.equal((await apply(deployments, web())).outcome, 'unchanged');
    assert.deepEqual(methods(), ['PATCH'], 'a restart costs one, as 1000m is not what is stored');
    assert.equal((await apply(deployments, web())).outcome, 'unchanged');
    assert.deepEqual(methods(), []);
    assert.equal((await read(deployments, 'web'))?.metadata.generation, version);
  });

  test('fields of others stay theirs, and managedFields says whose each is', async () => {
    await target.kubectl('-n', NAMESPACE, 'scale', 'deploy/web', '--replicas=4');
    await patch('deployment', 'web', { metadata: { labels: { theirs: 'x' } } });
    await apply(deployments, web({ minReadySeconds: 7 }));
    const object = (await read(deployments, 'web')) as KubeObject & {
      readonly spec: { readonly replicas: number; readonly minReadySeconds: number };
    };
    assert.deepEqual([object.spec.replicas, object.spec.minReadySeconds], [4, 7]);
    assert.equal(object.metadata.labels?.['theirs'], 'x');
    const ours = managedBy(object, 'kube-test');
    assert.equal(ours.operation, 'Apply');
    assert.match(ours.fields, /"f:minReadySeconds":\{\}/);
    assert.doesNotMatch(ours.fields, /f:replicas|f:theirs|f:uid/);
  });

  test('what was edited by hand comes back, and what is desired no more goes', async () => {
    methods();
    await patch('deployment', 'web', { spec: { minReadySeconds: 99 } });
    assert.equal((await apply(deployments, web({ minReadySeconds: 7 }))).outcome, 'changed');
    // A restart: by the hash in the annotation it is known that something went.
    applier = newApplier();
    assert.equal((await apply(deployments, web())).outcome, 'changed');
    const spec = (await read(deployments, 'web')) as KubeObject & { readonly spec: object };
    assert.ok(!('minReadySeconds' in spec.spec), 'a field that is desired no more');
    assert.deepEqual(methods(), ['PATCH', 'PATCH']);
  });

  test('what is not ours is never taken, nor another object of the name written', async () => {
    const desired = { ...configMap(NAMESPACE, 'name', { a: '1' }) } as KubeObject;
    const ours = { ...desired, metadata: { ...desired.metadata, labels: OURS } };
    await target.kubectl.apply(configMap(NAMESPACE, 'name', { theirs: '1' }));
    const blind = { resource: configMaps, desired: ours, observed: undefined, isOurs, signal };
    assert.equal((await applier.apply(blind)).outcome, 'foreign');
    assert.deepEqual(methods(), ['GET']);
    await target.kubectl('-n', NAMESPACE, 'delete', 'configmap', 'name');
    const { object } = await applier.apply(blind);
    await target.kubectl('-n', NAMESPACE, 'delete', 'configmap', 'name');
    await target.kubectl.apply(configMap(NAMESPACE, 'name', { theirs: '2' }));
    const changed = { ...ours, data: { a: '2' } };
    await assert.rejects(
      applier.apply({ ...blind, desired: changed, observed: object }),
      isConflict,
    );
    await target.kubectl('-n', NAMESPACE, 'delete', 'configmap', 'name');
    await assert.rejects(
      applier.apply({ ...blind, desired: changed, observed: object }),
      isConflict,
      'nor is one created in the place of one that went',
    );
    await target.kubectl.apply(configMap(NAMESPACE, 'name', { theirs: '2' }));
    const stays = (await read(configMaps, 'name')) as KubeObject & { readonly data: object };
    assert.deepEqual(stays.data, { theirs: '2' });
  });

  test('fields that nobody knows are stored, and a status is written to its place', async () => {
    const desired = {
      metadata: { namespace: NAMESPACE, name: 'thing', labels: OURS },
      spec: { ofTomorrow: { deep: [1, { a: null, b: 'c' }] }, big: 1.5 },
    };
    const { object } = await apply(things, desired);
    assert.ok('spec' in object && isRecord(object.spec));
    assert.deepEqual(object.spec['ofTomorrow'], desired.spec.ofTomorrow);
    methods();
    const status = { conditions: [{ type: 'Ready', status: 'True' }], ready: 3 };
    const write = async (given: object) => {
      const observed = (await read(things, 'thing')) ?? assert.fail();
      return applier.applyStatus({ resource: things, observed, status: given, signal });
    };
    assert.equal((await write(status)).outcome, 'changed');
    assert.equal((await write(status)).outcome, 'unchanged');
    assert.deepEqual(methods(), ['PATCH']);
    const now = (await read(things, 'thing')) ?? assert.fail();
    assert.deepEqual('status' in now && now.status, status);
    assert.equal((await apply(things, desired)).outcome, 'unchanged');
    applier = newApplier();
    assert.equal((await write(status)).outcome, 'unchanged');
    assert.equal((await apply(things, desired)).outcome, 'unchanged');
    assert.deepEqual(methods(), [], 'nor after a restart');
  });

  test('a delete means one object', async () => {
    const make = async (): Promise<KubeObject> => {
      await target.kubectl.apply(configMap(NAMESPACE, 'doomed'));
      return (await read(configMaps, 'doomed')) ?? assert.fail();
    };
    const old = await make();
    await patch('configmap', 'doomed', { data: { since: '1' } });
    const removal = { resource: configMaps, object: old, signal };
    await assert.rejects(remove(api(), { ...removal, asObserved: true }), isConflict);
    assert.equal(await remove(api(), removal), 'deleted');
    assert.equal(await remove(api(), removal), 'gone');
    await make();
    assert.equal(await remove(api(), removal), 'gone');
    assert.ok((await read(configMaps, 'doomed')) !== undefined);
  });

  test('Events are there for people, and count what is said again', async () => {
    let ahead = 0;
    const clock = { ...foregroundClock, now: () => foregroundClock.now() + ahead };
    const log = { debug: console.error, info: () => {}, warn: () => {}, error: () => {} };
    const random = Math.random;
    const names = { controller: 'kube.test/operator', instance: 'pod-0' };
    const recorder = new EventRecorder({ api: connected.api, clock, random, log, ...names });
    const about = (await read(things, 'thing')) ?? assert.fail();
    const happening = { type: 'Warning', reason: 'QuotaBlocked', action: 'CreatePod' } as const;
    const say = () => recorder.record(about, { ...happening, note: 'no quota for 3 pods' });
    const seen = async () => {
      const list = await target.kubectl.get('events.v1.events.k8s.io', '-n', NAMESPACE);
      const items = (list as { items: Record<string, unknown>[] }).items;
      return items.filter(({ reason }) => reason === 'QuotaBlocked');
    };
    say();
    await until(async () => (await seen()).length === 1, { for: 'the Event', deadlineMs: 10_000 });
    for (let count = 0; count < 10; count += 1) say();
    ahead = 7 * 60_000;
    say();
    const [event] = await until(
      async () => {
        const all = await seen();
        return isRecord(all[0]?.['series']) && all;
      },
      { for: 'the series', deadlineMs: 10_000 },
    );
    assert.ok(event !== undefined && isRecord(event['series']));
    assert.equal(event['series']['count'], 12);
    const described = await target.kubectl(
      '-n',
      NAMESPACE,
      'describe',
      'things.kube.test',
      'thing',
    );
    assert.match(described, /Warning\s+QuotaBlocked.*no quota for 3 pods/);
    await recorder.stop();
    assert.equal(recorder.dropped, 0);
  });
});

function managedBy(object: KubeObject, manager: string): { operation: string; fields: string } {
  const all: unknown = 'managedFields' in object.metadata ? object.metadata.managedFields : [];
  assert.ok(Array.isArray(all));
  const entry: unknown = all.find((one: unknown) => isRecord(one) && one['manager'] === manager);
  assert.ok(isRecord(entry), `no fields of ${manager}`);
  return { operation: String(entry['operation']), fields: JSON.stringify(entry['fieldsV1']) };
}
