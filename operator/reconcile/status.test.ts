import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { firstRing } from '../../protocol/ring.ts';
import { ManualClock } from '../../protocol/testing/manual-clock.ts';
import { wsClusterStatus } from '../api/status.ts';
import { minimal, stored } from '../api/testing/samples.ts';
import type { WsClusterStatus } from '../api/wscluster.ts';
import type { GatewayView } from './gateways.ts';
import { happeningsOf } from './happenings.ts';
import { statusToBe } from './status.ts';
import { StatusWriter } from './status-writer.ts';
import { gatewayStatus, gatewayView, NOW, REVISION } from './testing/gateway-views.ts';

const cluster = stored(minimal);
const basis = { image: 'i', templateVersion: 1 };
const plan = { replicas: 2, revision: REVISION, asked: REVISION, basis, stable: undefined };
const targets = new Map([[REVISION, 2]]);
const members = ['a', 'b', 'c'].map((id) => ({ id, weight: 100, zone: '', address: `${id}:1` }));
const ring = firstRing({ cluster: 'c', version: { generation: 3, counter: 17 } }, members);

function statusAt(wallMs: number, gateways: readonly GatewayView[], was?: WsClusterStatus) {
  const known = { version: '3.17', unsynced: [] };
  const now = { problems: [], wallMs, ring: known, stop: undefined, version: '0.2.0' };
  const situation = { cluster, plan, targets, gateways, ...now };
  return statusToBe(situation, ring, was);
}

const withClients = (name: string, connections: number, is: Partial<GatewayView> = {}) => {
  const edge = { connections, sessions: 0, drain: 'serving' };
  return gatewayView(name, { report: { status: gatewayStatus({ edge }) }, ...is });
};
const lastOf = (status: WsClusterStatus, type: string) =>
  status.conditions?.find((condition) => condition.type === type)?.lastTransitionTime;

describe('the status', () => {
  it('is such as its definition takes', () => {
    const status = statusAt(NOW, [gatewayView('a')]);
    assert.deepEqual(wsClusterStatus.parse(status), status);
    assert.deepEqual(status.ring, { version: '3.17', members: 3, balancePercent: 100 });
    assert.deepEqual(status.revision, { name: REVISION, image: 'i', templateVersion: 1 });
  });

  it('counts for autoscalers neither what leaves, nor what is too many', () => {
    const all = [
      ...[gatewayView('a'), gatewayView('b', { ready: false }), gatewayView('c')],
      gatewayView('d', { phase: 'leaving', ready: false }),
      gatewayView('e', { revision: 'other' }),
    ];
    const { replicas, readyReplicas, drainingReplicas } = statusAt(NOW, all);
    assert.deepEqual([replicas, readyReplicas, drainingReplicas], [2, 3, 1]);
    assert.equal(statusAt(NOW, [gatewayView('a')]).replicas, 1);
  });

  it('rounds the number of clients, of those that leave too', () => {
    const connections = (...counts: number[]) =>
      statusAt(
        NOW,
        counts.map((count, n) => withClients(`g${n}`, count)),
      ).connections;
    assert.deepEqual([connections(), connections(99), connections(100, 7)], [0, 99, 110]);
    assert.equal(connections(123_456), 120_000);
    assert.equal(statusAt(NOW, [withClients('a', 5, { phase: 'leaving' })]).connections, 5);
    assert.equal(statusAt(NOW, [gatewayView('a', { report: undefined })]).connections, undefined);
  });

  it('keeps since when a condition holds, for as long as it does', () => {
    const first = statusAt(NOW, [gatewayView('a')]);
    const same = statusAt(NOW + 60_000, [gatewayView('b')], first);
    assert.equal(lastOf(same, 'Ready'), '2026-01-01T00:00:00Z');
    const next = statusAt(NOW + 60_000, [gatewayView('a'), gatewayView('b')], first);
    assert.equal(lastOf(next, 'Ready'), '2026-01-01T00:01:00Z');
    assert.equal(lastOf(next, 'Degraded'), '2026-01-01T00:00:00Z');
  });
});

describe('what is said of a change', () => {
  const told = (was: WsClusterStatus | undefined, is: WsClusterStatus) =>
    happeningsOf(was, is).map(({ type, reason }) => `${type} ${reason}`);

  it('is what became right, once', () => {
    const before = statusAt(NOW, [gatewayView('a')]);
    const ready = statusAt(NOW, [gatewayView('a'), gatewayView('b')], before);
    assert.deepEqual(told(undefined, before), []);
    const edge = { connections: 0, sessions: 0, drain: 'serving' };
    const stream = { connected: true, unsuitable: ['it evicts'] };
    const evicting = gatewayView('a', { report: { status: gatewayStatus({ edge, stream }) } });
    const weak = statusAt(NOW, [evicting], before);
    assert.deepEqual(told(before, weak), ['Warning RedisUnsuitable']);
    assert.deepEqual(told(weak, weak), []);
    assert.deepEqual(told(before, ready), ['Normal Ready']);
    assert.deepEqual(
      told(ready, statusAt(NOW + 1, [gatewayView('a'), gatewayView('b')], ready)),
      [],
    );
  });
});

describe('the writer of statuses', () => {
  const { signal } = new AbortController();

  function writer() {
    const clock = new ManualClock();
    let writes = 0;
    const applyStatus = async () => {
      writes += 1;
      return { outcome: 'changed' as const, object: cluster };
    };
    return {
      clock,
      statuses: new StatusWriter({ applier: { applyStatus }, clock }),
      writes: () => writes,
    };
  }

  it('writes at once what a condition says, and numbers once in 30 s', async () => {
    const { statuses, clock, writes } = writer();
    const write = async (gateways: readonly GatewayView[]) => {
      const status = statusAt(NOW, gateways, statuses.current(cluster));
      return (await statuses.write(cluster, status, signal)).kind;
    };
    const two = (clients: number) => [withClients('a', clients), gatewayView('b')];
    assert.equal(await write(two(1)), 'written');
    assert.equal(await write(two(1)), 'same');
    assert.equal(await write(two(2)), 'later');
    clock.pass(29_999);
    assert.equal(await write(two(3)), 'later');
    assert.equal(await write([gatewayView('a')]), 'written', 'not ready any more');
    assert.equal(await write([withClients('a', 4)]), 'later');
    clock.pass(30_000);
    assert.equal(await write([withClients('a', 4)]), 'written');
    assert.equal(writes(), 3);
  });

  it('knows what it wrote before the informer does, and not longer', async () => {
    const { statuses } = writer();
    const status = statusAt(NOW, [gatewayView('a')]);
    await statuses.write(cluster, status, signal);
    assert.equal(statuses.current(cluster), status);
    const newer = { ...cluster, metadata: { ...cluster.metadata, resourceVersion: '9' } };
    assert.equal(statuses.current(newer), undefined);
    statuses.forget(cluster.metadata.uid);
    assert.equal(statuses.current(cluster), undefined);
  });
});
