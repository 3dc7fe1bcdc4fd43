import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { minimal, stored } from '../api/testing/samples.ts';
import type { WsClusterSpecInput, WsClusterStatus } from '../api/wscluster.ts';
import type { KubeObject } from '../kube/objects.ts';
import {
  type MetricsState,
  metricsAvailable,
  type Scaling,
  scalingActive,
  scalingHappenings,
  withReplicasOwners,
} from './scaling.ts';

const hpa = (status: object = {}): KubeObject => {
  const metadata = { name: 'chat', creationTimestamp: '2026-01-01T00:00:10Z' };
  return { metadata, status } as KubeObject;
};
const says = (type: string, status: string, reason: string, message = 'm') =>
  hpa({ conditions: [{ type, status, reason, message }] });
const reading = hpa({
  currentMetrics: [
    {
      type: 'External',
      external: { metric: { name: 'wscluster_connections' }, current: { averageValue: '3' } },
    },
  ],
});

function scaling(
  mode: 'HPA' | 'External' | 'None' | undefined,
  is: Partial<Scaling> & { replicas?: number } = {},
): Scaling {
  const autoscaling = mode && { mode, minReplicas: 2, maxReplicas: 4 };
  const spec: WsClusterSpecInput = {
    ...{ ...minimal, replicas: is.replicas ?? 3 },
    ...(autoscaling === undefined ? {} : { autoscaling }),
  };
  const cluster = is.cluster ?? stored(spec);
  return { held: 3, autoscaler: undefined, metrics: { kind: 'off' }, ...is, cluster };
}

const short = ([status, [reason]]: ReturnType<typeof scalingActive>) => `${status} ${reason}`;

describe('whether the number of gateways follows their load', () => {
  it('is what the autoscaler says, or why there is none', () => {
    const of = (...args: Parameters<typeof scaling>) => short(scalingActive(scaling(...args)));
    assert.equal(of(undefined), 'False NotWanted');
    assert.equal(of('None'), 'False NotWanted');
    assert.equal(of('External'), 'Unknown External');
    assert.equal(of('HPA'), 'Unknown NotYet');
    assert.equal(of('HPA', { autoscaler: hpa() }), 'Unknown NotYet');
    const valid = says('ScalingActive', 'True', 'ValidMetricFound');
    assert.equal(of('HPA', { autoscaler: valid }), 'True ValidMetricFound');
    const two = says('ScalingActive', 'False', 'AmbiguousSelector');
    assert.equal(of('HPA', { autoscaler: two }), 'False AmbiguousSelector');
    const unable = says('AbleToScale', 'False', 'FailedGetScale');
    assert.equal(of('HPA', { autoscaler: unable }), 'False FailedGetScale');
  });

  it('is said with what is held instead of what was asked for', () => {
    const [, [, message]] = scalingActive(scaling('None', { replicas: 9, held: 4 }));
    assert.equal(
      message,
      'nobody sets replicas; replicas are held between 2 and 4; 9 are asked for, 4 held',
    );
    const long = says('ScalingActive', 'False', 'FailedGetExternalMetric', 'x'.repeat(9_000));
    const [, [, cut]] = scalingActive(scaling('HPA', { autoscaler: long }));
    assert.equal(cut.length, 1_001);
  });
});

describe('whether there are numbers for autoscalers', () => {
  const of = (metrics: MetricsState, autoscaler: KubeObject | undefined = undefined) =>
    short(metricsAvailable(scaling('HPA', { metrics, autoscaler })));

  it('follows who serves them, and what the autoscaler got', () => {
    assert.equal(of({ kind: 'served' }), 'True Served');
    assert.equal(of({ kind: 'off' }), 'False NotServed');
    assert.equal(of({ kind: 'left' }), 'False NotTaken');
    assert.equal(of({ kind: 'pending', message: 'm' }), 'Unknown Pending');
    assert.equal(of({ kind: 'unavailable', message: 'm' }), 'False Unavailable');
    const foreign = { kind: 'foreign', owner: 'keda/keda-metrics' } as const;
    assert.equal(of(foreign), 'False OwnedByOthers');
    assert.equal(of(foreign, reading), 'True ServedByOthers');
    assert.equal(of({ kind: 'off' }, reading), 'True ServedByOthers');
    const fails = says('ScalingActive', 'False', 'FailedGetExternalMetric');
    assert.equal(of({ kind: 'served' }, fails), 'False NoNumber');
    assert.equal(of(foreign, fails), 'False OwnedByOthers');
  });

  it('names who serves others, and what to do', () => {
    const metrics = { kind: 'foreign', owner: 'keda/keda-metrics' } as const;
    const [, [, message]] = metricsAvailable(scaling('HPA', { metrics }));
    assert.match(message, /keda\/keda-metrics serves External metrics .* docs\/autoscaling\.md/);
    assert.equal(short(metricsAvailable(scaling('External', { metrics }))), 'Unknown NotNeeded');
    assert.equal(short(metricsAvailable(scaling(undefined))), 'Unknown NotNeeded');
  });
});

describe('Events about the number of gateways', () => {
  const status = (generation: number): WsClusterStatus => ({ observedGeneration: generation });
  const reasons = (replicasOwners: readonly object[], was = status(1)) => {
    const cluster = scaling('HPA').cluster;
    const metadata = { ...cluster.metadata, replicasOwners } as typeof cluster.metadata;
    const is = scaling('HPA', { cluster: { ...cluster, metadata }, autoscaler: hpa() });
    return scalingHappenings(is, was, status(2)).map(({ reason }) => reason);
  };
  const by = (manager: string, second: number) => ({
    ...{ manager, time: `2026-01-01T00:00:${second}Z` },
  });

  it('say that replicas are the autoscaler’s when somebody else sets them', () => {
    assert.deepEqual(reasons([by('kubectl', 20)]), ['ReplicasOwnedByAutoscaler']);
    assert.deepEqual(reasons([by('kubectl', 20)], status(2)), [], 'said when it was seen');
    assert.deepEqual(reasons([by('kubectl', 10)]), [], 'before there was an autoscaler');
    const scaled = { manager: 'kubectl', time: undefined };
    assert.deepEqual(reasons([scaled]), ['ReplicasOwnedByAutoscaler'], 'by way of the scale');
    const autoscaler = { manager: 'kube-controller-manager', time: undefined };
    assert.deepEqual(reasons([by('kubectl', 20), autoscaler]), []);
    assert.deepEqual(reasons([]), []);
  });

  it('say once what keeps it from following their load', () => {
    const conditions = (reason: string): WsClusterStatus => ({
      conditions: [
        {
          ...{ type: 'MetricsAvailable', status: 'False', reason, message: 'm' },
          lastTransitionTime: '2026-01-01T00:00:00Z',
        },
      ],
    });
    const of = (was: string, is: string) =>
      scalingHappenings(scaling('HPA'), conditions(was), conditions(is)).length;
    assert.deepEqual([of('a', 'b'), of('b', 'b')], [1, 0]);
  });

  it('are made of the owners of replicas alone, which is all that is kept of owners', () => {
    const managedFields = [
      { manager: 'a', time: 't', fieldsV1: { 'f:spec': { 'f:replicas': {} } } },
      { manager: 'b', time: 't', fieldsV1: { 'f:spec': { 'f:image': {} } } },
      { manager: 'c', time: 't', fieldsV1: { 'f:status': {} } },
    ];
    const kept = withReplicasOwners({ metadata: { name: 'chat', managedFields } } as KubeObject);
    assert.deepEqual(kept, {
      metadata: { name: 'chat', replicasOwners: [{ manager: 'a', time: 't' }] },
    });
  });
});
