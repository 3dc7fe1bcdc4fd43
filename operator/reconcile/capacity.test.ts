import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { minimal, stored } from '../api/testing/samples.ts';
import type { WsCluster, WsClusterSpecInput } from '../api/wscluster.ts';
import { capacitySuitable } from './capacity.ts';
import type { Condition } from './condition.ts';
import { gatewayStatus, gatewayView } from './testing/gateway-views.ts';
import { situation } from './testing/situations.ts';

const of = (spec: Partial<WsClusterSpecInput>) => stored({ ...minimal, ...spec });
const limited = (memory: string, spec: Partial<WsClusterSpecInput> = {}) =>
  of({ ...spec, resources: { limits: { memory } } });
const said = (cluster: WsCluster, ...gateways: ReturnType<typeof gatewayView>[]) => {
  const { status, reason, message } = capacitySuitable(situation(gateways, { cluster }));
  return { is: `${status} ${reason}`, message };
};

describe('the memory of a gateway', () => {
  it('is enough by default, for clients that are passed on too', () => {
    assert.equal(said(of({})).is, 'True Suitable');
    assert.equal(said(of({ placement: { mode: 'Proxy' } })).is, 'True Suitable');
    assert.equal(said(of({ resources: {} })).is, 'True Suitable', 'there is no limit');
  });

  it('is too small for the clients that a gateway takes, and what would be enough is said', () => {
    const { is, message } = said(limited('256Mi'));
    assert.equal(is, 'False MemoryTooSmall');
    assert.equal(
      message,
      'a gateway takes up to 30000 clients (by default), which need about 485Mi, and ' +
        'resources.limits.memory is 256Mi: raise it to that, or lower limits.connectionsPerPod ' +
        'to at most 6553; else the kernel may end a gateway before it refuses anybody',
    );
    assert.equal(said(limited('485Mi')).is, 'True Suitable');
    const fewer = { limits: { connectionsPerPod: 6_553 } };
    assert.equal(said(limited('256Mi', fewer)).is, 'True Suitable', 'what is said is true');
    assert.match(said(limited('128Mi')).message, /raise it to that; else/, 'nobody has room in it');
  });

  it('is judged by what an autoscaler aims at, with the room above it', () => {
    const autoscaling = { maxReplicas: 5, targetConnectionsPerPod: 60_000 };
    assert.equal(said(limited('1071Mi', { autoscaling })).is, 'Unknown NotTold', 'of its ports');
    const { is, message } = said(limited('1070Mi', { autoscaling }));
    assert.equal(is, 'False MemoryTooSmall');
    assert.match(message, /90000 clients \(by default\), which need about 1071Mi/);
    const { message: far } = said(limited('512Mi', { autoscaling }));
    assert.match(far, /at most 32768 and autoscaling\.targetConnectionsPerPod below that;/);
  });

  it('holds those that are passed on besides', () => {
    const { is, message } = said(limited('512Mi', { placement: { mode: 'Proxy' } }));
    assert.equal(is, 'False MemoryTooSmall');
    assert.match(message, /and passes on 15000 \(placement\.proxyConnectionsPerPod\)/);
  });
});

describe('the ports of who is in front of gateways', () => {
  const aiming = (targetConnectionsPerPod: number) =>
    of({
      autoscaling: { maxReplicas: 5, targetConnectionsPerPod },
      resources: {},
    });
  const seen = (connections: number, fromOneAddress: number) => {
    const edge = { connections, sessions: 0, drain: 'serving', fromOneAddress };
    return gatewayView('a', { report: { status: gatewayStatus({ edge }) } });
  };
  const after = (cluster: WsCluster, status: Condition['status'], reason: string): WsCluster => ({
    ...cluster,
    status: {
      conditions: [
        {
          ...{ type: 'CapacitySuitable', status, reason, message: '' },
          lastTransitionTime: '2026-01-01T00:00:00Z',
        },
      ],
    },
  });

  it('are enough for what an autoscaler aims at by default, also those of one proxy', () => {
    assert.equal(said(aiming(20_000), seen(20_000, 1)).is, 'True Suitable');
    assert.equal(said(aiming(28_232)).is, 'True Suitable');
  });

  it('beyond that it is not known before gateways have clients', () => {
    const { is, message } = said(aiming(50_000), seen(999, 1));
    assert.equal(is, 'Unknown NotTold');
    assert.match(message, /targetConnectionsPerPod is 50000, .* only 28232 can come/);
  });

  it('are told from how many of the clients come from one address', () => {
    assert.equal(said(aiming(50_000), seen(1_000, 0.5)).is, 'True Suitable');
    const { is, message } = said(aiming(50_000), seen(1_000, 0.6));
    assert.equal(is, 'False PortsTooFew');
    assert.match(message, /^of the 50000 clients of a gateway that autoscaling\.target/);
  });

  it('without an autoscaler are few when most of them are in use', () => {
    const cluster = of({ resources: {} });
    assert.equal(said(cluster, seen(22_000, 1)).is, 'True Suitable');
    assert.equal(said(cluster, seen(23_000, 1)).is, 'False PortsTooFew');
    assert.equal(said(cluster, seen(60_000, 0.01)).is, 'True Suitable', 'they come by themselves');
  });

  it('stay too few until there are clearly enough, and unknown until there are clients', () => {
    const few = after(aiming(50_000), 'False', 'PortsTooFew');
    assert.equal(said(few, seen(1_000, 0.5)).is, 'False PortsTooFew');
    assert.equal(said(few, seen(1_000, 0.4)).is, 'True Suitable');
    const unknown = after(aiming(50_000), 'Unknown', 'NotTold');
    assert.equal(said(unknown, seen(900, 1)).is, 'Unknown NotTold');
    const known = after(aiming(50_000), 'True', 'Suitable');
    assert.equal(said(known, seen(900, 1)).is, 'False PortsTooFew');
  });
});
