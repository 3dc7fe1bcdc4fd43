import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { KubeObject } from '../../operator/kube/objects.ts';
import { NAMES } from '../../operator/operator.ts';
import { CLUSTER_LABEL } from '../../operator/reconcile/desired/names.ts';
import { until } from '../deadline.ts';
import { becomes, isSettled, remains, stateOf } from './cluster-state.ts';
import { OperatorProcess } from './operator-process.ts';
import { OperatorWorld } from './operator-world.ts';
import { StandInPods } from './stand-in-pods.ts';
import { labOnly } from './target.ts';

const NAMESPACE = `drift-${process.pid}`;
const SYSTEM = `drift-system-${process.pid}`;
const AT = { namespace: NAMESPACE, name: 'chat' };

/** Every kind of object that is made, and an edit of what is the operator's in it. */
const EDITS: Readonly<Record<string, object>> = {
  'serviceaccount/chat': { automountServiceAccountToken: true },
  'service/chat': { spec: { selector: { app: 'other' } } },
  'service/chat-pods': { spec: { publishNotReadyAddresses: false } },
  'configmap/chat-ring': { data: { 'ring.json': '{}', 'operator-keys.json': '{}' } },
  // What is immutable can lose nothing but its labels.
  'configmap/chat-REVISION': { metadata: { labels: { 'app.kubernetes.io/instance': 'other' } } },
  'poddisruptionbudget/chat': { spec: { minAvailable: 0 } },
  'networkpolicy/chat': { spec: { podSelector: { matchLabels: { app: 'other' } } } },
  'podmonitor/chat': { spec: { podMetricsEndpoints: [] } },
  'deployment/chat-REVISION': { spec: { replicas: 0, paused: false } },
};

interface Seen extends KubeObject {
  readonly metadata: KubeObject['metadata'] & {
    readonly managedFields?: readonly {
      readonly manager: string;
      readonly subresource?: string;
      readonly fieldsV1: Readonly<Record<string, object>>;
    }[];
  };
  readonly status?: unknown;
}

describe('what was made for a WsCluster, in the hands of others', labOnly, () => {
  let world: OperatorWorld;
  let pods: StandInPods;
  let operator: OperatorProcess;
  let undisturbed: unknown;
  let revision = '';

  const inNamespace = (...args: readonly string[]) =>
    world.target.kubectl('-n', NAMESPACE, ...args);
  const named = (what: string) => what.replace('REVISION', revision);
  const see = async (what: string): Promise<Seen> =>
    (await world.target.kubectl.get(
      ...['-n', NAMESPACE, '--show-managed-fields', named(what)],
    )) as Seen;
  const same = (why: string) => becomes(world.hand.api, { at: AT, state: undisturbed, why });

  before(async () => {
    world = await OperatorWorld.start({ nodes: 0, namespaces: [NAMESPACE, SYSTEM] });
    await world.knowPodMonitors();
    pods = await StandInPods.start(world.target);
    operator = await OperatorProcess.start(world.target, {
      ...{ namespace: SYSTEM, watch: NAMESPACE, gatewayImage: 'example.com/gateway:0.1.0' },
    });
    await world.create(AT, { replicas: 2, metrics: { podMonitor: { enabled: true } } });
    await until(async () => isSettled(await world.read(AT)), {
      for: () => `it to settle:\n${operator.lastWords()}`,
      deadlineMs: 60_000,
    });
    revision = (await world.read(AT)).status?.revision?.name ?? '';
    undisturbed = await stateOf(world.hand.api, AT);
  });
  after(async () => {
    await operator?.stop();
    await pods?.stop();
    await world?.stop();
  });

  test('is of these kinds, and no other', async () => {
    const all = await remains(world.hand.api, NAMESPACE, AT.name);
    const ours = all.filter((line) => !/^(Pod|ReplicaSet) /.test(line));
    const known = Object.keys(EDITS).map((what) => named(what));
    assert.deepEqual(ours.map((line) => line.toLowerCase().replace(' ', '/')).sort(), known.sort());
  });

  for (const [what, edit] of Object.entries(EDITS)) {
    test(`${what} comes back when it is deleted, and is as it was when it is edited`, async () => {
      const { uid } = (await see(what)).metadata;
      await inNamespace('delete', named(what));
      await until(
        async () => {
          const { code, stdout } = await world.target.kubectl.attempt(
            ...['-n', NAMESPACE, 'get', named(what), '-o', 'jsonpath={.metadata.uid}'],
          );
          return code === 0 && stdout !== uid;
        },
        { for: `another ${what}`, deadlineMs: 30_000, everyMs: 100 },
      );
      await same(`after ${what} was deleted`);

      await inNamespace('patch', named(what), '--type=merge', '-p', JSON.stringify(edit));
      await same(`after ${what} was edited`);
    });

    test(`${what} keeps what others added to it`, async () => {
      await inNamespace('label', named(what), 'example.com/theirs=label');
      await inNamespace('annotate', named(what), 'example.com/theirs=annotation');
      // And something is to be written to it meanwhile.
      const key = NAMES.annotation;
      await inNamespace('annotate', '--overwrite', named(what), `${key}=other`);
      const back = () =>
        see(what).then(({ metadata }) => metadata.annotations?.[key] !== 'other' && metadata);
      const { labels, annotations, managedFields } = await until(back, {
        for: `${what} to be applied again`,
        ...{ deadlineMs: 30_000, everyMs: 100 },
      });
      assert.equal(labels?.['example.com/theirs'], 'label');
      assert.equal(annotations?.['example.com/theirs'], 'annotation');
      const owners = (field: string) =>
        (managedFields ?? [])
          .filter(({ fieldsV1 }) => JSON.stringify(fieldsV1).includes(`"${field}"`))
          .map(({ manager }) => manager);
      assert.deepEqual(new Set(owners('f:example.com/theirs')).has(NAMES.fieldManager), false);
      assert.ok(owners('f:example.com/theirs').length >= 1);
      assert.ok(owners(`f:${CLUSTER_LABEL}`).includes(NAMES.fieldManager));
      await inNamespace('label', named(what), 'example.com/theirs-');
      await inNamespace('annotate', named(what), 'example.com/theirs-');
      await same(`after others took back what they added to ${what}`);
    });
  }

  test('a field that another manager applied to a Service stays that one’s', async () => {
    const theirs = {
      ...{ apiVersion: 'v1', kind: 'Service', metadata: { name: 'chat', namespace: NAMESPACE } },
      spec: { sessionAffinity: 'ClientIP' },
    };
    const apply = ['apply', '--server-side', '--field-manager=theirs', '-f', '-'];
    await world.target.kubectl.piped(apply, theirs);
    await world.change(AT, { service: { port: 8443 } });
    await until(async () => JSON.stringify(await see('service/chat')).includes('"port":8443'), {
      for: 'the other port',
      deadlineMs: 30_000,
    });
    const service = await see('service/chat');
    assert.match(JSON.stringify(service), /"sessionAffinity":"ClientIP"/);
    const owner = service.metadata.managedFields?.find(({ manager }) => manager === 'theirs');
    assert.match(JSON.stringify(owner?.fieldsV1), /f:sessionAffinity/);
  });

  test('the spec is its author’s: the operator owns the status, and no replicas', async () => {
    await inNamespace('scale', 'wsc/chat', '--replicas=3');
    await until(async () => (await world.read(AT)).status?.readyReplicas === 3, {
      for: 'three gateways',
      deadlineMs: 30_000,
    });
    const { metadata } = await see('wsc/chat');
    const ours = (metadata.managedFields ?? []).filter(
      ({ manager }) => manager === NAMES.fieldManager,
    );
    assert.deepEqual(
      ours.map(({ subresource, fieldsV1 }) => [subresource, Object.keys(fieldsV1)]),
      [['status', ['f:status']]],
    );
  });
});
