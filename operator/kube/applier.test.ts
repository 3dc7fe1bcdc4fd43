import assert from 'node:assert/strict';
import { beforeEach, describe, test } from 'node:test';
import { Applier } from './applier.ts';
import type { ApiServer } from './connection.ts';
import { isConflict, refused } from './kube-error.ts';
import type { KubeObject } from './objects.ts';
import { project } from './projection.ts';
import type { Resource } from './resource.ts';
import { StandInApi } from './testing/stand-in-api.ts';

const deployments: Resource = {
  ...{ group: 'apps', version: 'v1', plural: 'deployments', kind: 'Deployment', namespaced: true },
};
const PATH = '/apis/apps/v1/namespaces/ns/deployments/web';
const OURS = { app: 'ours' };

interface Deployment extends KubeObject {
  readonly spec?: object;
  readonly status?: object;
}

const web = (spec: object, labels: Record<string, string> = OURS): Deployment => ({
  metadata: { namespace: 'ns', name: 'web', labels },
  spec,
});
const { signal } = new AbortController();
const isOurs = ({ metadata }: KubeObject) => metadata.labels?.['app'] === 'ours';

let server: StandInApi;
/** Its answer to what it is given: an API server writes some values in another form. */
let normalise: (text: string) => string;
let applier: Applier;

const api: ApiServer = {
  call: (call) => {
    const text = JSON.stringify(call.body);
    const body: unknown = text === undefined ? undefined : JSON.parse(normalise(text));
    return server.call({ ...call, body });
  },
  watch: (watching) => server.watch(watching),
};

const newApplier = () =>
  new Applier({ api, fieldManager: 'us', annotation: 'wscluster.io/applied' });
/** An informer shows it, unless it is behind. */
const apply = async (desired: Deployment, observed = server.get(PATH)) => {
  const application = { resource: deployments, desired, observed, isOurs, signal };
  return (await applier.apply(application)).outcome;
};
const calls = () => server.calls.splice(0).map(({ method }) => method);

beforeEach(() => {
  server = new StandInApi();
  normalise = (text) => text;
  applier = newApplier();
});

describe('server-side apply', () => {
  test('writes what is made of what was observed only while that is so', async () => {
    await apply(web({ replicas: 3 }));
    const observed = server.get(PATH);
    const at = (desired: Deployment) => {
      const application = { resource: deployments, desired, observed, isOurs, signal };
      return applier.apply({ ...application, asObserved: true });
    };
    assert.equal((await at(web({ replicas: 4 }))).outcome, 'changed');
    await assert.rejects(at(web({ replicas: 5 })), isConflict);
    assert.deepEqual((server.get(PATH) as Deployment).spec, { replicas: 4 });
    assert.equal(await apply(web({ replicas: 5 })), 'changed');
  });

  test('creates, and then costs nothing while nothing differs', async () => {
    const desired = web({ replicas: 3, field: { ofTomorrow: [1] } });
    assert.equal(await apply(desired), 'created');
    const [, patch] = server.calls;
    assert.deepEqual(patch?.query, { fieldManager: 'us', force: true });
    assert.equal(patch?.patch, 'apply-patch+yaml');
    assert.match(
      JSON.stringify(patch?.body),
      /"spec":\{"replicas":3,"field":\{"ofTomorrow":\[1\]\}\}/,
    );
    assert.match(JSON.stringify(patch?.body), /"apiVersion":"apps\/v1","kind":"Deployment"/);
    assert.deepEqual(calls(), ['GET', 'PATCH']);
    for (let count = 0; count < 100; count += 1) assert.equal(await apply(desired), 'unchanged');
    // Nor after what others do to it: a status, a default, a label of theirs.
    const now = server.get(PATH) ?? assert.fail();
    const labels = { ...OURS, theirs: 'x' };
    const spec = { replicas: 3, field: { ofTomorrow: [1], new: 1 }, strategy: {} };
    server.put(PATH, { ...now, metadata: { ...now.metadata, labels }, spec, status: {} });
    assert.equal(await apply(desired), 'unchanged');
    assert.deepEqual(calls(), []);
  });

  test('costs nothing after a restart either, unless a field is desired no more', async () => {
    const desired = web({ replicas: 3, paused: true });
    await apply(desired);
    calls();
    applier = newApplier();
    assert.equal(await apply(desired), 'unchanged');
    assert.deepEqual(calls(), []);
    applier = newApplier();
    assert.equal(await apply(web({ replicas: 3 })), 'changed');
    assert.deepEqual(calls(), ['PATCH']);
  });

  test('writes once what differs: what is desired, or what became of it', async () => {
    await apply(web({ replicas: 3 }));
    calls();
    assert.equal(await apply(web({ replicas: 4 })), 'changed');
    assert.equal(await apply(web({ replicas: 4 })), 'unchanged');
    server.put(PATH, { ...server.get(PATH), spec: { replicas: 9 } });
    assert.equal(await apply(web({ replicas: 4 })), 'changed');
    const drifted = server.get(PATH) ?? assert.fail();
    server.put(PATH, { ...drifted, metadata: { ...drifted.metadata, annotations: {} } });
    assert.equal(await apply(web({ replicas: 4 })), 'changed');
    assert.deepEqual(calls(), ['PATCH', 'PATCH', 'PATCH']);
  });

  test('looks once into a copy that stays what it is', async () => {
    const desired = web({ replicas: 3 });
    await apply(desired);
    const stored = server.get(PATH) ?? assert.fail();
    let looks = 0;
    const observed = Object.defineProperty({ ...stored }, 'spec', {
      get: () => {
        looks += 1;
        return { replicas: 3 };
      },
    });
    for (let count = 0; count < 10; count += 1) {
      const applied = await applier.apply({
        resource: deployments,
        desired,
        observed,
        isOurs,
        signal,
      });
      assert.equal(applied.outcome, 'unchanged');
    }
    assert.equal(looks, 1);
  });

  test('a value that the API server writes in another form is no difference', async () => {
    normalise = (text) => text.replaceAll('1000m', '1');
    const desired = web({ cpu: '1000m' });
    await apply(desired);
    calls();
    assert.equal(await apply(desired), 'unchanged');
    applier = newApplier();
    assert.equal(await apply(desired), 'unchanged', 'one write that changed nothing');
    assert.equal(await apply(desired), 'unchanged');
    assert.deepEqual(calls(), ['PATCH']);
  });

  test('does not write again while the copy does not show yet what was written', async () => {
    await apply(web({ replicas: 3 }));
    const behind = server.get(PATH);
    await apply(web({ replicas: 4 }));
    calls();
    assert.equal(await apply(web({ replicas: 4 }), behind), 'unchanged');
    assert.equal(await apply(web({ replicas: 5 }), behind), 'changed');
    assert.deepEqual(calls(), ['PATCH']);
  });

  test('never takes what is not ours, seen by the informer or not', async () => {
    server.put(PATH, web({ theirs: true }, {}) as KubeObject & Record<string, unknown>);
    assert.equal(await apply(web({ replicas: 3 })), 'foreign');
    assert.deepEqual(calls(), []);
    assert.equal(await apply(web({ replicas: 3 }), undefined), 'foreign');
    applier = newApplier();
    const application = { resource: deployments, desired: web({}), isOurs, signal };
    assert.equal((await applier.apply({ ...application, observed: undefined })).outcome, 'foreign');
    assert.deepEqual(calls(), ['GET']);
  });

  test('says which object it means: another one of that name is not written', async () => {
    await apply(web({ replicas: 3 }));
    const observed = server.get(PATH) ?? assert.fail();
    server.calls.length = 0;
    const conflict = refused({ code: 409, what: 'PATCH', status: undefined, wallMs: 0 });
    server.fault = (asked) =>
      'method' in asked && asked.method === 'PATCH' ? conflict : undefined;
    await assert.rejects(apply(web({ replicas: 4 }), observed), isConflict);
    const sent = JSON.stringify(server.calls[0]?.body);
    assert.ok(sent.includes(`"uid":"${observed.metadata.uid}"`));
    // As a real one answers for another uid; a value that is really invalid stays what it is.
    const invalid = refused({ code: 422, what: 'PATCH', status: undefined, wallMs: 0 });
    server.fault = (asked) => ('method' in asked && asked.method === 'PATCH' ? invalid : undefined);
    await assert.rejects(apply(web({ replicas: 4 }), observed), { status: 422 });
    server.remove(PATH);
    server.put(PATH, {});
    await assert.rejects(apply(web({ replicas: 4 }), observed), isConflict);
    server.fault = () => undefined;
    // It was created anew: what was known of the old one counts no more.
    server.remove(PATH);
    server.put(PATH, { ...observed });
    assert.equal(await apply(web({ replicas: 3 })), 'unchanged', 'by its annotation');
  });

  test('a status is written to its own place, once', async () => {
    server.put(PATH, { ...web({ replicas: 3 }) });
    const set = async (ready: number) => {
      const observed = server.get(PATH) ?? assert.fail();
      const status = { ready };
      const application = { resource: deployments, observed, status, signal };
      return (await applier.applyStatus(application)).outcome;
    };
    await set(1);
    const [first] = server.calls;
    assert.equal(first?.path, `${PATH}/status`);
    assert.deepEqual(Object.keys(first.body as object).sort(), [
      ...['apiVersion', 'kind', 'metadata', 'status'],
    ]);
    await set(1);
    assert.equal(server.calls.length, 1);
    await set(2);
    assert.equal(server.calls.length, 2);
  });
});

test('a projection holds what is spoken of, and what stands in its way', () => {
  const observed = {
    list: [
      { name: 'sidecar', image: 's' },
      { name: 'main', image: 'm', defaulted: 1, ports: [{ port: 1, protocol: 'TCP' }] },
    ],
    args: ['a', 'b'],
    extra: true,
  };
  const desired = {
    list: [{ name: 'main', image: 'x', ports: [{ port: 2 }] }],
    args: ['a'],
    missing: { deep: 1 },
  };
  assert.deepEqual(project(observed, desired), {
    list: [{ name: 'main', image: 'm', ports: [{ port: 1 }] }],
    // Of a list without names, what others added is a difference.
    args: ['a', 'b'],
    missing: undefined,
  });
  assert.deepEqual(project({ list: [] }, { list: [{ name: 'a' }] }), { list: [undefined] });
  assert.deepEqual(project({ list: [1] }, { list: [] }), { list: [1] });
  assert.equal(project('text', { a: 1 }), 'text');
  // A label that somebody added to a selector hides everything from it.
  const selector = { app: 'ours', more: 'x' };
  assert.deepEqual(project({ selector }, { selector: { app: 'ours' } }), { selector });
});
