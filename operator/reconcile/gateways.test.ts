import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { REVISION_LABEL } from './desired/names.ts';
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
    assert.equal(phaseOf(pod(), { mark: { reason: 'ScaleDown', since: 0 } }), 'leaving');
    const edge = { connections: 3, sessions: 0, drain: 'announced' };
    assert.equal(phaseOf(pod(), { report: { status: gatewayStatus({ edge }) } }), 'leaving');
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
    const line = { level: 60, time: 1_767_225_600_000, msg: 'ending', err: { message: 'EACCES' } };
    const logged = { exitCode: 1, message: `${JSON.stringify(line)}\n` };
    assert.equal(
      waiting('CrashLoopBackOff', { lastState: { terminated: logged } })?.message,
      'ending: EACCES',
    );
    const stamped = { exitCode: 1, message: '2026-01-01T00:00:00.123Z no space left' };
    assert.equal(
      waiting('CrashLoopBackOff', { lastState: { terminated: stamped } })?.message,
      'no space left',
    );
    const conditions = [
      { type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message: 'm' },
    ];
    const unscheduled = gatewayOf(pod({ phase: 'Pending', containerStatuses: [], conditions }));
    assert.deepEqual(unscheduled.trouble, { kind: 'Unschedulable', message: 'm' });
  });

  it('is in the same trouble between its crashes, until it is ready', () => {
    const trouble = (is: Partial<Container>) =>
      gatewayOf(
        pod({
          containerStatuses: [
            container({
              ...{ state: { running: {} }, lastState: { terminated: { exitCode: 7 } } },
              ...is,
            }),
          ],
        }),
      ).trouble?.message;
    assert.equal(trouble({ restartCount: 1 }), undefined, 'once may be chance');
    assert.equal(trouble({ restartCount: 2 }), 'exit code 7');
    assert.equal(
      trouble({ restartCount: 2, state: { terminated: { exitCode: 7 } } }),
      'exit code 7',
    );
    assert.equal(trouble({ restartCount: 2, ready: true }), undefined);
    const ended = { terminated: { exitCode: 0 } };
    assert.equal(trouble({ restartCount: 2, lastState: ended }), undefined);
  });
});
