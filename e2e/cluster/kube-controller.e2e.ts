import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Applier } from '../../operator/kube/applier.ts';
import type { ApiServer, Call, Watching } from '../../operator/kube/connection.ts';
import { Controller } from '../../operator/kube/controller.ts';
import { Informer } from '../../operator/kube/informer.ts';
import { failed, refused } from '../../operator/kube/kube-error.ts';
import type { Log } from '../../operator/kube/log.ts';
import { KubeMetrics } from '../../operator/kube/metrics.ts';
import type { KubeObject } from '../../operator/kube/objects.ts';
import { remove } from '../../operator/kube/remove.ts';
import { pathOf } from '../../operator/kube/resource.ts';
import { foregroundClock as clock } from '../../protocol/clock.ts';
import { seeded } from '../../protocol/testing/chance.ts';
import { until } from '../deadline.ts';
import { type Connected, configMap, configMaps, connect } from './kube-target.ts';
import { startTarget, type Target } from './target.ts';
import { namespace } from './workload.ts';

interface ConfigMap extends KubeObject {
  readonly data?: Readonly<Record<string, string>>;
}

const ROLE = 'kube.test/role';
const COUNT = 40;

/** The API server as a bad day shows it: refuses in bursts, loses answers, cuts watches. */
class BadDay implements ApiServer {
  readonly #api: ApiServer;
  readonly #random = seeded(7);
  over = false;
  calls = 0;
  faults = 0;

  constructor(api: ApiServer) {
    this.#api = api;
  }

  async call(call: Call): Promise<unknown> {
    this.calls += 1;
    this.#maybe(0.15, () => refused({ code: 429, what: 'burst', status: undefined, wallMs: 0 }));
    this.#maybe(0.15, () => refused({ code: 500, what: 'burst', status: undefined, wallMs: 0 }));
    const answer = await this.#api.call(call);
    this.#maybe(0.15, () => failed('Unreachable', 'the answer was lost'));
    return answer;
  }

  async *watch(watching: Watching) {
    this.#maybe(0.3, () => refused({ code: 503, what: 'WATCH', status: undefined, wallMs: 0 }));
    for await (const event of this.#api.watch(watching)) {
      yield event;
      this.#maybe(0.05, () => failed('Unreachable', 'cut'));
    }
  }

  #maybe(chance: number, error: () => Error): void {
    if (this.over || this.#random() >= chance) return;
    this.faults += 1;
    throw error();
  }
}

/** A controller in small: each ConfigMap with the role `source` has a copy. */
describe('a controller on a real API server', () => {
  const NAMESPACE = `kube-controller-${process.pid}`;
  let target: Target;
  let connected: Connected;
  let api: BadDay;
  let informer: Informer<ConfigMap>;
  let controller: Controller;
  let metrics: KubeMetrics;
  const said: string[] = [];

  const say = (_fields: object, message: string) => said.push(message);
  const log: Log = { debug: say, info: say, warn: say, error: say };
  const source = (name: string, data: Readonly<Record<string, string>>) =>
    labelled(configMap(NAMESPACE, name, data), 'source');
  const copies = () => informer.list().filter(({ metadata }) => metadata.labels?.[ROLE] === 'copy');
  const sources = () =>
    informer.list().filter(({ metadata }) => metadata.labels?.[ROLE] === 'source');

  before(async () => {
    target = await startTarget({ nodes: 1 });
    await target.kubectl.apply(namespace(NAMESPACE));
    connected = await connect(target);
    api = new BadDay(connected.api);
    const host = 'api';
    metrics = new KubeMetrics({ host, controllers: ['copies'], leases: [] });
    informer = new Informer<ConfigMap>({
      ...{ api, resource: configMaps, namespaces: [NAMESPACE], clock, log },
      random: Math.random,
      labelSelector: ROLE,
      handlers: [({ key }) => controller.add(key.replace(/-copy$/, ''))],
    });
    controller = copying(informer);
    informer.start();
    controller.start();
  });
  after(async () => {
    await controller.stop();
    await informer.stop();
    await connected.transport.close();
    await target.kubectl('delete', 'namespace', NAMESPACE, '--wait=false');
    await target.stop();
  });

  function copying(reader: Informer<ConfigMap>): Controller {
    const annotation = 'kube.test/applied';
    const applier = new Applier({ api, fieldManager: 'copies', annotation });
    const isOurs = ({ metadata }: KubeObject) => metadata.labels?.[ROLE] === 'copy';
    const reconcile = async (key: string, signal: AbortSignal) => {
      const original = reader.get(key);
      const observed = reader.get(`${key}-copy`);
      if (original === undefined) {
        const removal = { resource: configMaps, object: observed ?? { metadata: {} }, signal };
        if (observed !== undefined) await remove(api, removal);
        return {};
      }
      const name = `${original.metadata.name}-copy`;
      const desired = labelled(configMap(NAMESPACE, name, original.data), 'copy');
      await applier.apply({ resource: configMaps, desired, observed, isOurs, signal });
      return {};
    };
    const counts = metrics.controller('copies');
    const options = { name: 'copies', reconcile, workers: 4, clock, log, counts };
    return new Controller({ ...options, random: Math.random });
  }

  const settled = (value: string, count: number) =>
    until(() => copies().length === count && copies().every(({ data }) => data?.['v'] === value), {
      for: () => `${count} copies of ${value}, not ${copies().length}`,
      deadlineMs: 120_000,
    });

  test('comes to the same end through refusals, lost answers and cut watches', async () => {
    const names = Array.from({ length: COUNT }, (_, index) => `s${index}`);
    await target.kubectl.apply(...names.map((name) => source(name, { v: '1' })));
    await settled('1', COUNT);
    await target.kubectl.apply(...names.map((name) => source(name, { v: '2' })));
    await settled('2', COUNT);
    const half = names.slice(0, COUNT / 2);
    await target.kubectl('-n', NAMESPACE, 'delete', 'configmap', ...half);
    await settled('2', COUNT / 2);
    assert.equal(sources().length, COUNT / 2);
    assert.ok(api.faults > 50, `${api.faults} faults`);
    const list = await target.kubectl.get('configmaps', '-n', NAMESPACE, '-l', `${ROLE}=copy`);
    assert.equal((list as { items: unknown[] }).items.length, COUNT / 2);
  });

  test('asks nothing when nothing changes, also when it looks at everything', async () => {
    api.over = true;
    const at = pathOf(configMaps, { namespace: NAMESPACE, name: 's39' });
    const body = { data: { v: '2', last: 'x' } };
    await connected.api.call({ method: 'PATCH', path: at, patch: 'merge-patch+json', body });
    await until(() => informer.get(`${NAMESPACE}/s39-copy`)?.data?.['last'] === 'x', {
      for: 'the last copy',
      deadlineMs: 60_000,
    });
    await until(async () => (await depth()) === 0, { for: 'an empty queue' });
    const before = api.calls;
    for (let round = 0; round < 5; round += 1) {
      for (const { metadata } of sources()) controller.add(`${NAMESPACE}/${metadata.name}`, 'low');
      await until(async () => (await depth()) === 0, { for: 'an empty queue' });
    }
    assert.equal(api.calls - before, 0, 'calls for five looks at everything');
  });

  async function depth(): Promise<number> {
    const all = await Promise.all([
      sumOf(metrics, 'workqueue_depth'),
      sumOf(metrics, 'controller_runtime_active_workers'),
    ]);
    return all.reduce((sum, one) => sum + one, 0);
  }
});

async function sumOf({ registry }: KubeMetrics, name: string): Promise<number> {
  const series = await registry.getSingleMetric(name)?.get();
  return (series?.values ?? []).reduce((sum, { value }) => sum + value, 0);
}

function labelled(object: object, role: string): KubeObject {
  const { metadata, ...rest } = object as KubeObject;
  return { ...rest, metadata: { ...metadata, labels: { [ROLE]: role } } };
}
