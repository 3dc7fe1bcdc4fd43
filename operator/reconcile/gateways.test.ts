import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { DRAINING_LABEL, REVISION_LABEL } from './desired/names.ts';
import { adminPortOf, gatewayOf, type Pod } from './gateways.ts';
import { gatewayStatus } from './testing/gateway-views.ts';

type Status = NonNullable<Pod['status']>;
type Container = NonNullable<Status['containerStatuses']>[number];
const container = (is: Partial<Container>): Container => ({
  ...{ name: 'gateway', image: 'i', imageID: '', ready: false, restartCount: 0 },
  ...is,
});
const up = container({ state: { running: {} } });
const pod = (status: Status = {}, metadata: Pod['metadata'] = {}): Pod => ({
  metadata: { name: 'chat-0', uid: 'u', labels: { [REVISION_LABEL]: 'r' }, ...metadata },
  status: { phase: 'Running', podIP: '10.0.0.1', containerStatuses: [up], ...status },
});
const phaseOf = (...args: Parameters<typeof gatewayOf>) => gatewayOf(...args).phase;

describe('a pod, as far as it matters', () => {
  it('runs, waits, leaves, or is over', () => {
    assert.equal(phaseOf(pod()), 'running');
    assert.equal(
      phaseOf(pod({ containerStatuses: [container({ state: { waiting: {} } })] })),
      'waiting',
    );
    assert.equal(phaseOf({ metadata: { name: 'x' } }), 'waiting');
    assert.equal(phaseOf(pod({}, { deletionTimestamp: '2026-01-01T00:00:00Z' })), 'leaving');
    assert.equal(phaseOf(pod({}, { labels: { [DRAINING_LABEL]: '' } })), 'leaving');
    const edge = { connections: 3, sessions: 0, drain: 'announced' };
    assert.equal(phaseOf(pod(), { status: gatewayStatus({ edge }) }), 'leaving');
    assert.equal(phaseOf(pod({ phase: 'Failed' }, { deletionTimestamp: 'x' })), 'over');
  });

  it('is asked at its admin port only while somebody is there', () => {
    assert.deepEqual(adminPortOf(pod()), { uid: 'u', ip: '10.0.0.1', adminPort: 9001 });
    assert.equal(adminPortOf(pod({ phase: 'Pending' })), undefined);
    assert.equal(adminPortOf(pod({ containerStatuses: [] })), undefined);
  });

  it('says what it waits for', () => {
    const waiting = (reason: string, more: Partial<Container> = {}) =>
      gatewayOf(
        pod({ containerStatuses: [container({ state: { waiting: { reason } }, ...more })] }),
      ).trouble;
    assert.deepEqual(waiting('ErrImagePull'), { kind: 'ImagePullFailed', message: 'ErrImagePull' });
    assert.equal(waiting('ContainerCreating'), undefined);
    const terminated = { exitCode: 2, message: 'first\nWSCLUSTER_PORT: wrong\n' };
    assert.deepEqual(waiting('CrashLoopBackOff', { lastState: { terminated } }), {
      ...{ kind: 'GatewayCrashes', message: 'WSCLUSTER_PORT: wrong' },
    });
    assert.equal(waiting('CrashLoopBackOff')?.message, 'exit code unknown');
    const conditions = [
      { type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message: 'm' },
    ];
    const unscheduled = gatewayOf(pod({ phase: 'Pending', containerStatuses: [], conditions }));
    assert.deepEqual(unscheduled.trouble, { kind: 'Unschedulable', message: 'm' });
  });
});
