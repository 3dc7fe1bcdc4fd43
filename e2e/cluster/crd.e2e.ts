import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { objectSchema } from '../../operator/api/custom-resource-definition.ts';
import { wsClusterSpec } from '../../operator/api/spec.ts';
import type { StructuralSchema } from '../../operator/api/structural-schema.ts';
import { fullStatus, minimal, samples } from '../../operator/api/testing/samples.ts';
import {
  kind,
  versions,
  type WsCluster,
  type WsClusterSpecInput,
} from '../../operator/api/wscluster.ts';
import type { Outcome } from '../lab/command.ts';
import { type RuleCase, ruleCases } from './crd-rules.ts';
import {
  boundName,
  boundNames,
  broken,
  isTold,
  together,
  type Violation,
  violationsIn,
} from './crd-violations.ts';
import { DEFINITION, DEFINITION_FILE, established, refuseDefinition } from './definition.ts';
import { startTarget, type Target } from './target.ts';
import { namespace } from './workload.ts';

const NAMESPACE = `crd-${process.pid}`;
const [OLDER, NEWER] = versions.served;
const schema = objectSchema();

describe('the definition of WsCluster on an API server', () => {
  let target: Target;
  const kubectl = (...args: readonly string[]) => target.kubectl(...args);
  const get = async <T>(path: string) => JSON.parse(await kubectl('get', '--raw', path)) as T;
  const inNamespace = (...args: readonly string[]) => kubectl('-n', NAMESPACE, ...args);
  const pathOf = (version: string, rest = '') =>
    `/apis/${kind.group}/${version}/namespaces/${NAMESPACE}/${kind.plural}${rest}`;
  /** What the API server would say. */
  const tried = (object: object): Promise<Outcome> =>
    target.kubectl.send('create', pathOf(OLDER, '?dryRun=All&fieldValidation=Strict'), object);
  const read = (name: string, version: string = OLDER) =>
    get<WsCluster>(pathOf(version, `/${name}`));
  const make = (name: string, spec: WsClusterSpecInput) =>
    target.kubectl.create(pathOf(OLDER), wsCluster(name, spec));

  before(async () => {
    target = await startTarget({ nodes: 1 });
    await refuseDefinition(target.kubectl);
    await target.kubectl.apply(namespace(NAMESPACE));
  });

  after(async () => {
    await kubectl('delete', 'namespace', NAMESPACE, '--wait=true', '--timeout=120s');
    await kubectl('delete', DEFINITION, '--ignore-not-found', '--timeout=60s');
    await target.stop();
  });

  test('is installed by client-side apply, and again without a change', async () => {
    assert.match(await kubectl('apply', '-f', DEFINITION_FILE), /created/);
    await established(target.kubectl, DEFINITION);
    assert.match(await kubectl('apply', '-f', DEFINITION_FILE), /unchanged/);
    await kubectl('delete', DEFINITION, '--timeout=60s');
  });

  test('is installed by server-side apply, and again without a change', async () => {
    await kubectl('apply', '--server-side', '-f', DEFINITION_FILE);
    await established(target.kubectl, DEFINITION);
    const before = (await target.kubectl.get(DEFINITION)) as Definition;
    await kubectl('apply', '--server-side', '-f', DEFINITION_FILE);
    const after = (await target.kubectl.get(DEFINITION)) as Definition;
    assert.equal(after.metadata.resourceVersion, before.metadata.resourceVersion);
    const conditions = after.status.conditions.map(({ type, status }) => `${type} ${status}`);
    assert.deepEqual(conditions.toSorted(), ['Established True', 'NamesAccepted True']);
    assert.deepEqual(after.status.storedVersions, [versions.stored]);
  });

  test('takes the minimal object, and fills in the defaults of the document', async () => {
    await target.kubectl.apply(wsCluster('minimal', minimal));
    const { spec, status } = await read('minimal');
    assert.deepEqual(spec, wsClusterSpec.parse(minimal));
    assert.equal(status, undefined);
  });

  test('takes an object that says everything, and keeps what it says', async () => {
    for (const [name, spec] of Object.entries(samples)) {
      const { code, stderr } = await tried(wsCluster(`all-${name.toLowerCase()}`, spec));
      assert.equal(code, 0, stderr);
    }
    await make('full', samples.full);
    assert.deepEqual((await read('full')).spec, wsClusterSpec.parse(samples.full));
  });

  test('reads what was written as one version as the other, without a difference', async () => {
    for (const [name, spec] of Object.entries(samples)) {
      const object = wsCluster(`trip-${name.toLowerCase()}`, spec);
      await target.kubectl.create(pathOf(OLDER), object);
      const older = await read(object.metadata.name, OLDER);
      const newer = await read(object.metadata.name, NEWER);
      assert.deepEqual(content(newer), content(older));
      assert.equal(newer.apiVersion, `${kind.group}/${NEWER}`);
      const path = pathOf(NEWER, `/${object.metadata.name}`);
      const { code, stderr } = await target.kubectl.send('replace', path, newer);
      assert.equal(code, 0, stderr);
      const back = await read(object.metadata.name, OLDER);
      assert.deepEqual(content(back), content(older));
      assert.equal(back.metadata.generation, older.metadata.generation);
    }
  });

  test('refuses what breaks a rule, with its message and no other', async () => {
    for (const [index, one] of ruleCases.entries()) {
      const { code, stderr } = await refusal(`rule-${index}`, one);
      assert.notEqual(code, 0, `${one.message}: ${JSON.stringify(one.spec)} is taken`);
      const said = errorsIn(stderr);
      assert.equal(said.length, 1, stderr);
      // Older API servers name the kind of the value before the message.
      const [place, , ...rest] = said[0]?.split(': ') ?? [];
      assert.equal(place, one.path, stderr);
      assert.ok(rest.join(': ').endsWith(one.message), stderr);
    }
  });

  /** What comes of a case: of making it, or of changing what it is made from. */
  async function refusal(name: string, { from, spec, name: asked }: RuleCase): Promise<Outcome> {
    if (from === undefined) return tried(wsCluster(asked ?? name, spec));
    await make(name, from);
    return target.kubectl.send('replace', pathOf(OLDER, `/${name}?dryRun=All`), {
      ...(await read(name)),
      spec,
    });
  }

  test('refuses what breaks a bound, each of them, all that an object breaks at once', async () => {
    const spec = only('spec');
    const untried = boundNames(spec);
    for (const [name, sample] of Object.entries(samples)) {
      const object = wsCluster(`bounds-${name.toLowerCase()}`, sample);
      const left = violationsIn(spec, object).filter((one) => untried.has(boundName(one, spec)));
      for (const one of left) untried.delete(boundName(one, spec));
      await eachIsTold(left, object, tried);
    }
    assert.deepEqual([...untried], []);
  });

  test('refuses a status that breaks a bound, each of them', async () => {
    await make('bounds', minimal);
    const { required: _, ...status } = only('status');
    const object = { ...(await read('bounds')), status: fullStatus };
    const violations = violationsIn(status, object);
    const names = new Set(violations.map((one) => boundName(one, status)));
    assert.deepEqual(
      [...boundNames(status)].filter((name) => !names.has(name)),
      [],
    );
    await eachIsTold(violations, object, (broken) =>
      target.kubectl.send('replace', pathOf(OLDER, '/bounds/status?dryRun=All'), broken),
    );
  });

  test('tells broken rules and bounds of one object together', async () => {
    const spec = { ...minimal, replicas: -1, auth: {}, heartbeat: { intervalSeconds: 5 } };
    const { stderr } = await tried(wsCluster('9-wrong', spec));
    const places = errorsIn(stderr).map((line) => line.split(': ')[0] ?? '');
    for (const place of ['spec.replicas', 'spec.auth', 'spec.heartbeat', '<nil>']) {
      assert.ok(places.includes(place), stderr);
    }
  });

  test('lets kubectl refuse unknown fields, and loses them where nobody asks', async () => {
    const object = wsCluster('unknown', minimal);
    const wrong = { ...object, spec: { ...object.spec, redis: { ...minimal.redis, uri: 'x' } } };
    await assert.rejects(target.kubectl.apply(wrong), /unknown field "(spec\.redis\.)?uri"/);
    await target.kubectl.create(pathOf(OLDER, '?fieldValidation=Ignore'), wrong);
    assert.deepEqual((await read('unknown')).spec, wsClusterSpec.parse(minimal));
  });

  test('keeps status and spec apart, and is shown by kubectl get', async () => {
    await make('shown', minimal);
    const status = JSON.stringify({ status: fullStatus, spec: { replicas: 9 } });
    await inNamespace('patch', 'wsc/shown', '--subresource=status', '--type=merge', '-p', status);
    const object = await read('shown');
    assert.deepEqual(object.status, fullStatus);
    assert.deepEqual([object.spec.replicas, object.metadata.generation], [3, 1]);
    await inNamespace('patch', 'wsc/shown', '--type=merge', '-p', '{"status":{"replicas":0}}');
    assert.equal((await read('shown')).status?.replicas, 4);

    const rows = (await inNamespace('get', 'wsc', 'shown')).trimEnd().split('\n');
    assert.match(rows[0] ?? '', /^NAME +READY +PODS +CONNECTIONS +RING +AGE$/);
    assert.match(rows[1] ?? '', /^shown +True +4 +12000 +3\.17 +\d+s$/);
    const [head, wide] = (await inNamespace('get', 'wsc', 'shown', '-o', 'wide')).split('\n');
    assert.match(head ?? '', / AGE +WANTED +DRAINING +BALANCE +REASON$/);
    assert.match(wide ?? '', / +\d+s +3 +1 +101 +AllReady$/);
    assert.match(await inNamespace('get', 'all'), /wscluster\.wscluster\.io\/shown/);
  });

  test('is waited for by a condition', async () => {
    await inNamespace('wait', 'wsc/shown', '--for=condition=Ready', '--timeout=10s');
  });

  test('is scaled, and says its selector to autoscalers', async () => {
    await inNamespace('scale', 'wsc/shown', '--replicas=5');
    for (const version of versions.served) {
      const scale = await get<Scale>(pathOf(version, '/shown/scale'));
      assert.equal(scale.spec.replicas, 5);
      assert.deepEqual(scale.status, { replicas: 4, selector: fullStatus.selector });
    }
    const { spec, metadata } = await read('shown');
    assert.deepEqual([spec.replicas, metadata.generation], [5, 2]);
    const tooMany = ['-n', NAMESPACE, 'scale', 'wsc/shown', '--replicas=501'] as const;
    const { stderr } = await target.kubectl.attempt(...tooMany);
    assert.match(stderr, /spec\.replicas in body should be less than or equal to 500/);
  });

  test('has a scale before its status and its replicas were ever written', async () => {
    const scale = await get<Scale>(pathOf(OLDER, '/minimal/scale'));
    assert.deepEqual([scale.spec.replicas, scale.status.replicas], [3, 0]);
  });

  test('merges what different appliers say about lists with keys', async () => {
    const apply = (manager: string, secret: string) => {
      const spec = { ...minimal, imagePullSecrets: [{ name: secret }] };
      const options = ['apply', '--server-side', `--field-manager=${manager}`, '-f', '-'];
      return target.kubectl.piped(options, wsCluster('merged', spec));
    };
    await apply('one', 'first');
    await apply('two', 'second');
    const names = (await read('merged')).spec.imagePullSecrets?.map(({ name }) => name);
    assert.deepEqual(names?.toSorted(), ['first', 'second']);
  });

  test('explains itself', async () => {
    const heartbeat = await kubectl('explain', 'wsc.spec.heartbeat.intervalSeconds');
    assert.match(heartbeat, /FIELD: intervalSeconds <integer>/);
    assert.match(heartbeat.replaceAll(/\s+/g, ' '), /Ping interval; .* In seconds\./);
    const mode = await kubectl('explain', 'wsc.spec.placement.mode');
    assert.match(mode, /ENUM:\s+Redirect\s+Proxy\s+Any/);
    assert.match(await kubectl('explain', 'wsc', '--recursive'), /keyPrefix\t<string>/);
  });
});

/** The object with one of its parts. */
const only = (part: 'spec' | 'status'): StructuralSchema => ({
  ...schema,
  properties: { [part]: schema.properties?.[part] ?? {} },
});

/** Each violation is told, and as many at a time as one object can show. */
async function eachIsTold(
  violations: readonly Violation[],
  object: object,
  attempt: (broken: object) => Promise<Outcome>,
): Promise<void> {
  assert.ok(violations.length > 0);
  for (const group of together(violations)) {
    const { code, stderr } = await attempt(broken(object, group));
    assert.notEqual(code, 0, JSON.stringify(group));
    for (const violation of group) {
      const { told } = violation;
      assert.ok(isTold(violation, stderr), `should be told:\n${told}\nin\n${stderr}`);
    }
  }
}

const wsCluster = (name: string, spec: WsClusterSpecInput) => ({
  apiVersion: `${kind.group}/${OLDER}`,
  kind: kind.kind,
  metadata: { name, namespace: NAMESPACE },
  spec,
});

/** All of an object that is not about its version or its writers. */
const content = ({ metadata, spec, status }: WsCluster) => ({
  uid: metadata.uid,
  generation: metadata.generation,
  spec,
  status,
});

/** What kubectl says of an object that is invalid, an error a line. */
function errorsIn(text: string): string[] {
  const said = text.slice(text.indexOf(' is invalid: ') + ' is invalid: '.length).trim();
  return said.split('\n').map((line) => line.replace(/^\* /, ''));
}

interface Definition {
  readonly metadata: { readonly resourceVersion: string };
  readonly status: {
    readonly conditions: readonly { readonly type: string; readonly status: string }[];
    readonly storedVersions: readonly string[];
  };
}

interface Scale {
  readonly spec: { readonly replicas: number };
  readonly status: { readonly replicas: number; readonly selector?: string };
}
