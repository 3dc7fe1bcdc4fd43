import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ManualClock } from '../../protocol/testing/manual-clock.ts';
import type { GatewayPod, GatewayStatus } from '../gateways/gateway-client.ts';
import { ClusterLoads, type MeteredPod } from './cluster-loads.ts';
import { loadMetrics } from './load-metrics.ts';
import { quantityOf } from './quantity.ts';

const KEY = 'rooms/chat';

/** Gateways that say what they are told to, and count how often they were asked. */
class Gateways {
  readonly clock = new ManualClock();
  readonly says = new Map<string, object | 'nothing' | 'late'>();
  pods: MeteredPod[] = [];
  ageMs = 0;
  asked = 0;
  most = 0;
  #now = 0;
  readonly loads = new ClusterLoads({
    clock: this.clock,
    clusterOf: (key) => (key === KEY ? { pods: this.pods, ageMs: this.ageMs } : undefined),
    client: { status: (pod, signal) => this.#status(pod, signal) },
  });

  add(name: string, connections: number, is: Partial<MeteredPod> & { moved?: number } = {}): void {
    const { moved, ...pod } = is;
    const base = { name, uid: `uid-${name}`, ip: name, adminPort: 9001 };
    this.pods.push({ ...base, serves: true, lost: false, ...pod });
    this.says.set(name, {
      ...{ pod: name, started: true, lacking: [], checks: [] },
      edge: { connections, sessions: 0, drain: 'serving', moved },
      ...{ loop: { utilisation: 0.25 }, publishes: { perSecond: 10.5 } },
    });
  }

  async #status({ ip }: GatewayPod, signal: AbortSignal): Promise<GatewayStatus> {
    this.asked += 1;
    this.#now += 1;
    this.most = Math.max(this.most, this.#now);
    const answer = this.says.get(ip);
    try {
      if (answer === 'late') {
        await new Promise((_, reject) => {
          signal.addEventListener('abort', () => reject(signal.reason));
        });
      }
      if (typeof answer !== 'object') throw new Error('no answer');
      await Promise.resolve();
      return answer as GatewayStatus;
    } finally {
      this.#now -= 1;
    }
  }

  async values(): Promise<string[]> {
    const load = await this.loads.of(KEY);
    assert.ok(load !== undefined);
    return loadMetrics.map(({ measure }) => quantityOf(measure(load)));
  }
}

describe('the load of a cluster', () => {
  it('is the sum over its gateways, without those that are elsewhere already', async () => {
    const is = new Gateways();
    is.add('a', 100);
    is.add('b', 50, { moved: 10 });
    is.add('c', 9, { serves: false });
    assert.deepEqual(await is.values(), ['149', '74500m', '75', '31500m']);
    assert.equal(await is.loads.of('rooms/other'), undefined);
  });

  it('is found out once for all who ask within two seconds', async () => {
    const is = new Gateways();
    is.add('a', 1);
    await Promise.all([is.values(), is.values(), is.values()]);
    assert.equal(is.asked, 1);
    is.clock.pass(2_000);
    await is.values();
    assert.equal(is.asked, 2);
  });

  it('carries what a silent gateway said last for 30 s, and is unknown then', async () => {
    const is = new Gateways();
    is.add('a', 100);
    is.add('b', 50);
    const begin = is.clock.wall();
    await is.values();
    is.says.set('b', 'nothing');
    is.clock.pass(30_000);
    assert.equal((await is.values())[0], '150');
    assert.equal((await is.loads.of(KEY))?.wallMs, begin, 'as old as its oldest part');
    is.clock.pass(2_000);
    await assert.rejects(is.values(), {
      name: 'LoadUnknown',
      message: /^of 2 gateways b did not say their load for 30 s: a part of the sum would be/,
    });
    is.pods.pop();
    is.clock.pass(2_000);
    assert.equal((await is.values())[0], '100', 'its pod is gone');
  });

  it('is unknown from the first time on where a gateway never answered', async () => {
    const is = new Gateways();
    for (const name of ['d', 'c', 'b', 'a', 'e']) {
      is.add(name, 1);
      if (name !== 'e') is.says.set(name, 'nothing');
    }
    await assert.rejects(is.values(), /^LoadUnknown: of 5 gateways a, b, c and 1 more did not/);
    is.pods = is.pods.map((pod) => ({ ...pod, lost: pod.name !== 'e' }));
    is.clock.pass(2_000);
    assert.equal((await is.values())[0], '1', 'Kubernetes gave the others up');
  });

  it('knows another pod at the same address, and one that nobody can be connected to', async () => {
    const is = new Gateways();
    is.add('a', 1);
    is.says.set('a', { ...(is.says.get('a') as object), pod: 'z' });
    await assert.rejects(is.values(), /of 1 gateways a did not say/);
    is.says.set('a', { pod: 'a', started: false, lacking: [{ what: 'redis', reason: 'r' }] });
    is.clock.pass(2_000);
    assert.deepEqual(await is.values(), ['0', '0', '0', '0']);
  });

  it('has no part that a gateway of an older version does not say', async () => {
    const is = new Gateways();
    is.add('a', 1);
    is.says.set('a', { ...(is.says.get('a') as object), publishes: undefined, loop: undefined });
    const load = await is.loads.of(KEY);
    const [connections, perPod, utilisation, publishes] = loadMetrics;
    assert.ok(load !== undefined);
    assert.deepEqual([connections?.measure(load), perPod?.measure(load)], [1, 1]);
    assert.throws(() => utilisation?.measure(load), /LoadUnknown: a gateway of an older version/);
    assert.throws(() => publishes?.measure(load), /LoadUnknown/);
    assert.throws(() => perPod?.measure({ ...load, serving: 0 }), /no gateway is ready/);
  });

  it('waits eight seconds for all gateways, and asks 32 at a time', async () => {
    const is = new Gateways();
    for (let n = 0; n < 100; n += 1) is.add(`a${n}`, 1);
    await is.values();
    assert.equal(is.most, 32);
    for (const { name } of is.pods) is.says.set(name, 'late');
    is.clock.pass(2_000);
    is.asked = 0;
    const asked = is.values();
    await is.clock.advance(8_000);
    assert.equal((await asked)[0], '100');
    assert.equal(is.asked, 32, 'the others need not be asked any more');
  });

  it('is unknown while the copy of its pods is old', async () => {
    const is = new Gateways();
    is.add('a', 1);
    is.ageMs = 150_001;
    await assert.rejects(is.values(), /has not heard from the API server/);
  });
});

it('a quantity has thousandths only where they matter, and is never negative', () => {
  assert.deepEqual([0, 3, 0.5, 1 / 3, 1e9].map(quantityOf), [
    '0',
    '3',
    '500m',
    '333m',
    '1000000000',
  ]);
  for (const wrong of [-1, Number.NaN, Number.POSITIVE_INFINITY]) {
    assert.throws(() => quantityOf(wrong), /is no quantity/);
  }
});
