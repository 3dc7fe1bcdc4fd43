import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { ManualClock } from '../../protocol/testing/manual-clock.ts';
import { each } from './each.ts';
import { GatewayError } from './gateway-client.ts';
import { GatewayReports } from './gateway-reports.ts';
import { pushRing } from './ring-push.ts';

const { signal } = new AbortController();
const pod = (uid: string) => ({ uid, ip: uid, adminPort: 1, name: `pod-${uid}` });
const said = { pod: 'a', started: true, lacking: [], checks: [] };
const version = { generation: 1, counter: 2 };

describe('many gateways', () => {
  it('are asked so many at a time', async () => {
    let now = 0;
    let most = 0;
    const done: number[] = [];
    await each([...Array(20).keys()], 3, async (one) => {
      now += 1;
      most = Math.max(most, now);
      await setImmediate();
      now -= 1;
      done.push(one);
    });
    assert.equal(most, 3);
    assert.deepEqual(
      done.sort((a, b) => a - b),
      [...Array(20).keys()],
    );
  });

  it('are asked again only after a moment, also those that did not answer', async () => {
    const clock = new ManualClock();
    const asked: string[] = [];
    const status = async ({ uid }: { uid: string }) => {
      asked.push(uid);
      if (uid === 'b') throw new GatewayError('no answer');
      return said;
    };
    const reports = new GatewayReports({ client: { status }, clock });
    const first = await reports.of([pod('a'), pod('b')], signal);
    assert.deepEqual(
      [first.get('a'), first.get('b')],
      [{ status: said }, { problem: 'no answer' }],
    );
    assert.deepEqual(await reports.of([pod('a'), pod('b')], signal), first);
    assert.deepEqual(asked, ['a', 'b']);
    clock.pass(1_000);
    await reports.of([pod('a')], signal);
    assert.deepEqual(asked, ['a', 'b', 'a']);
  });

  it('are not remembered as deaf because nobody waited for them', async () => {
    const leaving = new AbortController();
    const status = async () => {
      leaving.abort(new Error('leaving'));
      throw leaving.signal.reason;
    };
    const clock = new ManualClock();
    let client = { status: status as () => Promise<typeof said> };
    const reports = new GatewayReports({ client: { status: () => client.status() }, clock });
    await assert.rejects(reports.of([pod('a')], leaving.signal), /leaving/);
    client = { status: async () => said };
    assert.deepEqual((await reports.of([pod('a')], signal)).get('a'), { status: said });
  });

  it('get the ring that they do not have, and are named with what kept it from them', async () => {
    const pushed: string[] = [];
    const client = {
      pushRing: async ({ uid }: { uid: string }) => {
        pushed.push(uid);
        if (uid === 'deaf') throw new GatewayError('no answer');
        if (uid === 'ahead') return { outcome: 'older' as const, version, digest: 'other' };
        return { outcome: 'newer' as const, version, digest: 'd' };
      },
    };
    const receiver = (uid: string, digest?: string) => ({ ...pod(uid), digest });
    const receivers = [
      receiver('new'),
      receiver('has', 'd'),
      receiver('deaf', 'x'),
      receiver('ahead'),
    ];
    const unsynced = await pushRing(client, { document: '', digest: 'd', receivers }, signal);
    assert.deepEqual(pushed, ['new', 'deaf', 'ahead']);
    assert.deepEqual(unsynced, [
      { name: 'pod-ahead', problem: 'it goes by ring 1.2, which is ahead of this one' },
      { name: 'pod-deaf', problem: 'no answer' },
    ]);
  });
});
