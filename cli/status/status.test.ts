import assert from 'node:assert/strict';
import { join } from 'node:path';
import { beforeEach, describe, type TestContext, test } from 'node:test';
import type { WsClusterStatus } from '../../operator/api/wscluster.ts';
import { StandInDesk } from '../testing/stand-in-desk.ts';

type Condition = NonNullable<WsClusterStatus['conditions']>[number];

const lastTransitionTime = '2025-12-31T23:58:40Z';
const condition = (is: string, message: string): Condition => {
  const [type = '', status = '', reason = ''] = is.split(' ');
  const known = { observedGeneration: 1, lastTransitionTime };
  return { ...known, type, status: status as Condition['status'], reason, message };
};
const revision = { name: 'new', image: 'gateway', templateVersion: 1 };
const healthy: Partial<WsClusterStatus> = {
  ...{ replicas: 3, readyReplicas: 3, drainingReplicas: 0, connections: 1_200, revision },
  ...{ stableRevision: 'new', ring: { version: '1.7', members: 3, balancePercent: 100 } },
  conditions: [
    condition('Ready True AllReady', '3 gateways are ready'),
    condition('Progressing True Complete', 'every gateway that is wanted is there'),
    condition('ScalingActive False NotWanted', 'spec.autoscaling is not set'),
    condition('Draining False NoneDraining', 'no gateway is emptied'),
  ],
};

let desk: StandInDesk;
beforeEach(() => {
  desk = new StandInDesk();
});
const golden = (t: TestContext, name: string, text: string) => {
  const file = join(import.meta.dirname, 'golden', `${name}.txt`);
  // `--test-update-snapshots` writes them anew.
  t.assert.fileSnapshot(text, file, { serializers: [String] });
};
const threeGateways = () => {
  for (const [name, connections] of Object.entries({ a: 412, b: 1, c: 800 })) {
    desk.gateway(`chat-${name}`, { connections });
  }
  desk.ring(['chat-a', 'chat-b', 'chat-c']);
};

/** In the middle of a rollout, with all that can be wrong. */
function troubled(): void {
  const conditions = [
    condition('Ready False ImagePullFailed', '1 gateway cannot start: pull it by hand'),
    condition('Degraded True ImagePullFailed', '1 gateway cannot start: pull it by hand'),
    condition('Progressing False ResumeFailures', '3 of 40 subscriptions had missed messages'),
    condition('DrainTooSlow True BudgetTooSmall', '20000 clients take 400 s'),
    condition('RedisSuitable Unknown NotAsked', 'no gateway could say'),
  ];
  const draining = [
    { pod: 'chat-b', state: 'Emptying', reason: 'Rollout', until: '2026-01-01T00:01:30Z' } as const,
  ];
  desk.cluster(
    'chat',
    { ...healthy, readyReplicas: 2, stableRevision: 'old', conditions, draining },
    { spec: { rollout: { partition: '30%', paused: true } } },
  );
  desk.gateway('chat-a', { revision: 'old', connections: 412, ring: '1.6' });
  desk.gateway('chat-b', { revision: 'old', connections: 112, why: 'Rollout' });
  desk.gateway('chat-c', { revision: 'new', connections: 700 });
  desk.gateway('chat-d', { revision: 'new', ready: false });
  desk.silence('chat-d');
  const waiting = { reason: 'ImagePullBackOff', message: 'Back-off pulling image' };
  const containerStatuses = [{ ready: false, state: { waiting } }];
  desk.gateway('chat-e', { status: { phase: 'Pending', containerStatuses }, ready: false });
  desk.gateway('chat-f', { status: { phase: 'Failed' } });
  desk.ring(['chat-a', 'chat-c', 'chat-gone']);
}

describe('status of one', () => {
  test('that is well is as golden/well.txt says', async (t) => {
    desk.cluster('chat', healthy);
    threeGateways();
    const { code, out } = await desk.run('status chat');
    assert.equal(code, 0);
    golden(t, 'well', out);
  });

  test('in the middle of a rollout that goes wrong is as golden/troubled.txt says', async (t) => {
    troubled();
    golden(t, 'troubled', (await desk.run('status chat')).out);
  });

  test('on a terminal has blocks and colours, unless NO_COLOR is set', async (t) => {
    troubled();
    const { out } = await desk.run('status chat');
    desk.isTTY = true;
    golden(t, 'terminal', (await desk.run('status chat')).out);
    desk.env = { NO_COLOR: '1' };
    assert.equal((await desk.run('status chat')).out, out);
    desk.env = { TERM: 'dumb' };
    assert.equal((await desk.run('status chat')).out, out);
  });

  test('that was aborted says to what it goes back', async (t) => {
    const annotations = { 'wscluster.io/aborted-revision': 'new' };
    const back = '1 gateway is yet to go, back to revision old';
    const conditions = [condition('Progressing True Working', back)];
    desk.cluster('chat', { ...healthy, stableRevision: 'old', conditions }, { annotations });
    desk.gateway('chat-a', { revision: 'old' });
    desk.gateway('chat-b', { revision: 'new', why: 'Rollout' });
    golden(t, 'aborted', (await desk.run('status chat')).out);
  });

  test('that no operator has seen says so', async (t) => {
    desk.cluster('chat', { observedGeneration: 0 });
    golden(t, 'unseen', (await desk.run('status chat')).out);
  });

  test('shows what may be read where the rest may not', async (t) => {
    desk.cluster('chat', healthy);
    for (const name of ['chat-a', 'chat-b']) {
      const admin = () => {
        throw desk.refused(403, `pods "${name}:9001" is forbidden: User "me" cannot get it`);
      };
      desk.gateway(name, { admin });
    }
    desk.gateway('chat-c', { admin: () => ({ hello: 'world' }) });
    desk.api.fault = (asked) =>
      asked.path.includes('configmaps')
        ? desk.refused(403, 'configmaps "chat-ring" is forbidden')
        : undefined;
    golden(t, 'forbidden', (await desk.run('status chat')).out);
  });
});

describe('status of all', () => {
  test('is a line each', async (t) => {
    troubled();
    desk.cluster('feed', healthy);
    desk.cluster('new', { observedGeneration: 0 });
    golden(t, 'all', (await desk.run('status')).out);
  });

  test('of none says so', async () => {
    const out = 'there is no WsCluster in the namespace rooms\n';
    assert.deepEqual(await desk.run('status'), { code: 0, out, errors: '' });
  });

  test('of a Kubernetes that does not know them says what is missing', async () => {
    desk.api.fault = () => desk.refused(404, 'the server could not find the requested resource');
    const why = 'is it the right --context, and is the operator installed?';
    const errors = `error: this Kubernetes knows no WsClusters: ${why}\n`;
    assert.deepEqual(await desk.run('status'), { code: 1, out: '', errors });
  });
});

describe('status --watch', () => {
  test('draws it anew every two seconds, also while nobody answers, and ends', async () => {
    desk.isTTY = true;
    desk.cluster('chat', healthy);
    const running = desk.run('status --watch --timeout 7');
    await desk.clock.advance(1_000);
    desk.api.fault = () => desk.refused(503, 'it starts');
    await desk.clock.advance(2_000);
    desk.api.fault = () => undefined;
    await desk.clock.advance(60_000);
    const { code, out } = await running;
    assert.equal(code, 0);
    const drawn = out.split('\x1b[H\x1b[2J').slice(1);
    assert.equal(drawn.length, 4);
    assert.equal(drawn[1], 'it starts\n');
    assert.deepEqual([drawn[2], drawn[3]], [drawn[0], drawn[0]]);
    assert.equal(desk.clock.timers, 0);
  });

  test('into a pipe writes what is another text alone', async () => {
    desk.cluster('chat', healthy);
    const running = desk.run('status -w --timeout 9');
    await desk.clock.advance(5_000);
    desk.cluster('chat', { ...healthy, readyReplicas: 2 });
    await desk.clock.advance(60_000);
    const { out } = await running;
    assert.equal(out.match(/^NAME/gm)?.length, 2);
  });

  test('ends when it is refused', async () => {
    desk.api.fault = () => desk.refused(400, 'no such thing');
    const { code, errors } = await desk.run('status --watch');
    assert.deepEqual([code, errors], [1, 'error: no such thing\n']);
  });
});
