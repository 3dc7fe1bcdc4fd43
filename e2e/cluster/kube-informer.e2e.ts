import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import type { ApiServer, Call } from '../../operator/kube/connection.ts';
import { Informer, type InformerOptions } from '../../operator/kube/informer.ts';
import { failed, isGone } from '../../operator/kube/kube-error.ts';
import type { Log } from '../../operator/kube/log.ts';
import type { KubeObject } from '../../operator/kube/objects.ts';
import { pathOf } from '../../operator/kube/resource.ts';
import { foregroundClock as clock } from '../../protocol/clock.ts';
import { until } from '../deadline.ts';
import { compact } from './etcd.ts';
import { type Connected, configMap, configMaps, connect } from './kube-target.ts';
import { labOf, startTarget, type Target } from './target.ts';
import { namespace } from './workload.ts';

interface ConfigMap extends KubeObject {
  readonly data?: Readonly<Record<string, string>>;
}

/** Keeps the errors of what is logged. */
function logOf(keep: (error: Error) => void): Log {
  const note = (fields: object) => {
    if ('err' in fields && fields.err instanceof Error) keep(fields.err);
  };
  return { debug: () => {}, info: note, warn: note, error: note };
}

describe('an informer of a real API server', () => {
  const NAMESPACE = `kube-informer-${process.pid}`;
  let target: Target;
  /** Of the test, beside that of the informer. */
  let hand: Connected;
  let connected: Connected;
  let informer: Informer<ConfigMap>;
  let told: string[] = [];
  let errors: Error[] = [];
  let lists = 0;
  let watches = 0;
  let unreachable = false;
  /** Done before a list is asked for. */
  let between: (call: Call) => Promise<void> = async () => {};

  const log = logOf((error) => errors.push(error));

  /** What the informer asks, counted, and cut off when the test says. */
  const observed = ({ api }: Connected): ApiServer => ({
    call: async (call) => {
      lists += 1;
      await between(call);
      if (unreachable) throw failed('Unreachable', 'cut off');
      return api.call(call);
    },
    watch: (watching) => {
      watches += 1;
      if (unreachable) throw failed('Unreachable', 'cut off');
      return api.watch(watching);
    },
  });
  const start = async (options: Partial<InformerOptions<ConfigMap>> = {}) => {
    [told, errors, lists, watches, unreachable] = [[], [], 0, 0, false];
    connected = await connect(target);
    informer = new Informer<ConfigMap>({
      ...{ api: observed(connected), resource: configMaps, namespaces: [NAMESPACE] },
      ...{ clock, random: Math.random, log },
      fieldSelector: 'metadata.name!=kube-root-ca.crt',
      handlers: [({ key, was, is }) => told.push(`${key} ${was?.data?.['v']} ${is?.data?.['v']}`)],
      ...options,
    });
    informer.start();
    await informer.synced(AbortSignal.timeout(30_000));
  };
  const write = async (name: string, v: string) => {
    const path = pathOf(configMaps, { namespace: NAMESPACE, name });
    const query = { fieldManager: 'test', force: true };
    const body = configMap(NAMESPACE, name, { v });
    await hand.api.call({ method: 'PATCH', path, query, body, patch: 'apply-patch+yaml' });
  };
  const remove = (name: string) =>
    hand.api.call({ method: 'DELETE', path: pathOf(configMaps, { namespace: NAMESPACE, name }) });
  const holds = (name: string, v: string | undefined, deadlineMs = 10_000) =>
    until(() => informer.get(`${NAMESPACE}/${name}`)?.data?.['v'] === v, {
      for: () => `${name} to be ${v}; told: ${told.join(', ')}`,
      deadlineMs,
    });

  before(async () => {
    target = await startTarget({ nodes: 1 });
    hand = await connect(target);
    await target.kubectl.apply(namespace(NAMESPACE));
  });
  afterEach(async () => {
    between = async () => {};
    await informer.stop();
    await connected.transport.close();
  });
  after(async () => {
    await hand.transport.close();
    await target.kubectl('delete', 'namespace', NAMESPACE, '--wait=false');
    await target.stop();
  });

  test('lists by pages and follows', async () => {
    const names = Array.from({ length: 600 }, (_, index) => `page-${index}`);
    for (let from = 0; from < names.length; from += 50) {
      await Promise.all(names.slice(from, from + 50).map((name) => write(name, '1')));
    }
    await start();
    assert.equal(lists, 2);
    assert.equal(informer.list(NAMESPACE).length, 600);
    await write('one', '1');
    await holds('one', '1');
    await write('one', '2');
    await holds('one', '2');
    await remove('one');
    await holds('one', undefined);
    assert.deepEqual(told.slice(600), [
      `${NAMESPACE}/one undefined 1`,
      `${NAMESPACE}/one 1 2`,
      `${NAMESPACE}/one 2 undefined`,
    ]);
    const path = pathOf(configMaps, { namespace: NAMESPACE });
    await hand.api.call({ method: 'DELETE', path });
    await until(() => informer.list().length === 0, { for: 'all to go', deadlineMs: 30_000 });
    const form = ({ apiVersion, kind }: KubeObject) => `${apiVersion} ${kind}`;
    await write('one', '1');
    await holds('one', '1');
    const watched = informer.list().map(form);
    await informer.stop();
    await start();
    assert.deepEqual(informer.list().map(form), watched);
  });

  test('lives longer than any deadline of one call, quiet or not: client-node #3020', async () => {
    // Silence of 35 s: there the watch was ended after 30.
    await start();
    await new Promise((resolve) => setTimeout(resolve, 35_000));
    await write('late', '1');
    await holds('late', '1');
    assert.deepEqual([lists, watches, errors.length], [1, 1, 0]);
  });

  test('notices that nobody answers, and goes on after the thaw: client-node #596', async (t) => {
    const lab = labOf(target, t, 'have its API server frozen');
    if (lab === undefined) return;
    await start({ idleMs: 3_000 });
    await write('frozen', '1');
    await holds('frozen', '1');
    const apiServer = lab.component('kube-apiserver');
    apiServer.freeze();
    try {
      await until(() => errors.length > 0, { for: 'an error of the watch', deadlineMs: 10_000 });
    } finally {
      apiServer.thaw();
    }
    await until(
      () =>
        write('frozen', '2').then(
          () => true,
          () => false,
        ),
      {
        for: 'the thawed API server to take a write',
        deadlineMs: 30_000,
      },
    );
    await holds('frozen', '2', 60_000);
    assert.ok(errors.some(({ message }) => /nothing for 3000 ms/.test(message)));
  });

  test('goes on with the API server that comes after one that was killed', async (t) => {
    const lab = labOf(target, t, 'lose its API server');
    if (lab === undefined) return;
    await start();
    await write('killed', '1');
    await holds('killed', '1');
    const apiServer = lab.component('kube-apiserver');
    await apiServer.kill();
    await until(() => errors.length > 0, { for: 'an error of the watch', deadlineMs: 10_000 });
    assert.equal(informer.get(`${NAMESPACE}/killed`)?.data?.['v'], '1');
    await apiServer.start();
    await until(
      () =>
        write('killed', '2').then(
          () => true,
          () => false,
        ),
      {
        for: 'the new API server to take a write',
        deadlineMs: 60_000,
      },
    );
    await holds('killed', '2', 60_000);
    assert.ok(watches < 30, `${watches} watches: client-node #1933 asked tens of times a second`);
  });

  test('lists all at once when etcd compacts away the rest of its pages', async (t) => {
    const lab = labOf(target, t, 'have its etcd compacted');
    if (lab === undefined) return;
    const names = Array.from({ length: 600 }, (_, index) => `page-${index}`);
    for (let from = 0; from < names.length; from += 50) {
      await Promise.all(names.slice(from, from + 50).map((name) => write(name, '1')));
    }
    const limits: unknown[] = [];
    between = async ({ query }) => {
      limits.push(query?.['limit']);
      if (query?.['continue'] === undefined) return;
      // What is compacted is what is older than the newest.
      await write('since', String(limits.length));
      await compact(lab.component('etcd').pid);
      // An API server that saw the list remembers its pages; another one must ask etcd.
      await lab.component('kube-apiserver').kill();
      await lab.component('kube-apiserver').start();
      await until(
        () =>
          write('since', 'then').then(
            () => true,
            () => false,
          ),
        {
          for: 'the new API server to take a write',
          deadlineMs: 60_000,
        },
      );
    };
    await start();
    assert.deepEqual(limits, [500, 500, undefined]);
    assert.equal(informer.list().filter(({ data }) => data?.['v'] === '1').length >= 600, true);
  });

  test('lists anew when its version is not kept any more, and tells what it missed', async (t) => {
    const lab = labOf(target, t, 'lose its history');
    if (lab === undefined) return;
    await start();
    await Promise.all([write('stays', '1'), write('goes', '1')]);
    await Promise.all([holds('stays', '1'), holds('goes', '1')]);
    unreachable = true;
    await lab.component('kube-apiserver').kill();
    await until(() => errors.length > 0, { for: 'an error of the watch', deadlineMs: 10_000 });
    await lab.component('kube-apiserver').start();
    await until(
      () =>
        remove('goes').then(
          () => true,
          () => false,
        ),
      {
        for: 'the new API server to take a write',
        deadlineMs: 60_000,
      },
    );
    for (let count = 2; count <= 20; count += 1) await write('stays', String(count));
    // The cache of watches of a new API server begins at its own start, and etcd's history before.
    await lab.component('kube-apiserver').kill();
    await lab.component('kube-apiserver').start();
    [told, errors] = [[], []];
    unreachable = false;
    await holds('goes', undefined, 60_000);
    await holds('stays', '20');
    assert.ok(errors.some(isGone), errors.map(String).join('\n'));
    assert.deepEqual(told.toSorted(), [`${NAMESPACE}/goes 1 undefined`, `${NAMESPACE}/stays 1 20`]);
  });
});
