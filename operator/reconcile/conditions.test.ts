import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { conditionTypes } from '../api/status.ts';
import { minimal, stored } from '../api/testing/samples.ts';
import type { ConditionType } from './condition.ts';
import { findingsOf } from './conditions.ts';
import { problemsOf } from './problems.ts';
import { gatewayStatus, gatewayView, NOW, REVISION } from './testing/gateway-views.ts';
import { planFor, situation } from './testing/situations.ts';

const ready = (count: number) => Array.from({ length: count }, (_, n) => gatewayView(`chat-${n}`));

const found = (type: ConditionType, ...args: Parameters<typeof situation>): string => {
  const all = findingsOf(situation(...args));
  const { status, reason } = all.find((finding) => finding.type === type) ?? assert.fail();
  return `${status} ${reason}`;
};

describe('conditions', () => {
  it('are all there, whatever there is', () => {
    const types = findingsOf(situation([], { ring: undefined })).map(({ type }) => type);
    assert.deepEqual(types, Object.keys(conditionTypes));
  });

  it('say ready when every gateway that is wanted is, and no other is left', () => {
    assert.equal(found('Ready', ready(3)), 'True AllReady');
    assert.equal(found('Ready', ready(2)), 'False GatewaysNotReady');
    assert.equal(found('Ready', ready(4)), 'False RemovingGateways');
    const old = gatewayView('old', { revision: 'other' });
    assert.equal(found('Ready', [...ready(3), old]), 'False RemovingGateways');
    const leaving = gatewayView('old', { phase: 'leaving' });
    assert.equal(found('Ready', [...ready(3), leaving]), 'True AllReady');
    assert.equal(found('Draining', [...ready(3), leaving]), 'True GatewaysDraining');
    const none = { plan: planFor(0) };
    assert.equal(found('Ready', [], none), 'True Stopped');
    assert.equal(found('Available', [], none), 'False Stopped');
  });

  it('say available when as many serve as a disruption may leave, of any revision', () => {
    assert.equal(found('Available', ready(2)), 'True EnoughReady');
    assert.equal(found('Available', ready(1)), 'False NotEnoughReady');
    const old = [gatewayView('a', { revision: 'x' }), gatewayView('b', { revision: 'x' })];
    assert.equal(found('Available', old), 'True EnoughReady');
  });

  it('say that it goes no further when nothing changed for too long', () => {
    const conditions = [
      {
        type: 'Ready',
        status: 'False',
        lastTransitionTime: '2026-01-01T00:00:00Z',
        reason: 'x',
        message: '',
      },
    ] as const;
    const cluster = { ...stored(minimal), status: { conditions } };
    const at = (seconds: number) => ({ cluster, wallMs: NOW + seconds * 1_000 });
    assert.equal(found('Progressing', ready(2), at(599)), 'True Working');
    assert.equal(found('Progressing', ready(2), at(600)), 'False DeadlineExceeded');
    const later = [...ready(1), gatewayView('b', { readySince: NOW + 300_000 })];
    assert.equal(found('Progressing', later, at(600)), 'True Working');
    assert.equal(found('Progressing', ready(3), at(600)), 'True Complete');
    assert.equal(found('Progressing', [], { wallMs: NOW }), 'True Working');
  });

  it('tell Redis that is gone, or unsuitable, from one that nobody could ask about', () => {
    const stream = (is: { connected: boolean; unsuitable: string[] }) => [
      gatewayView('a', { report: { status: gatewayStatus({ stream: is }) } }),
    ];
    assert.equal(found('RedisSuitable', ready(1)), 'True Suitable');
    assert.equal(
      found('RedisSuitable', [gatewayView('a', { report: undefined })]),
      'Unknown NotAsked',
    );
    assert.equal(
      found('RedisSuitable', stream({ connected: false, unsuitable: [] })),
      'False RedisUnreachable',
    );
    const evicts = stream({ connected: true, unsuitable: ['maxmemory-policy is allkeys-lru'] });
    assert.equal(found('RedisSuitable', evicts), 'False RedisUnsuitable');
    assert.equal(found('Degraded', evicts), 'False AsExpected', 'it may be hidden for ever');
  });

  it('name three of those that have no ring, and count the rest', () => {
    const unsynced = ['a', 'b', 'c', 'd'].map((name) => ({ name, problem: 'no answer' }));
    const { message } =
      findingsOf(situation(ready(3), { ring: { version: '1.2', unsynced } })).find(
        ({ type }) => type === 'RingSynced',
      ) ?? assert.fail();
    assert.match(message, /ring 1\.2 .* a: no answer; b: no answer; c: no answer; and 1 more$/);
    assert.equal(found('RingSynced', [], { ring: undefined }), 'Unknown NoRing');
  });
});

describe('the course of a rollout', () => {
  const NEXT = 'wxyz2456';
  const old = (count: number) =>
    Array.from({ length: count }, (_, n) => gatewayView(`old-${n}`, { revision: 'old' }));
  const paused = { reason: 'Paused' as const, message: 'm' };
  const targets = (young: number, kept: number) =>
    new Map([
      [REVISION, young],
      ['old', kept],
    ]);

  it('is complete for a partition when so many are new, and as wanted', () => {
    const canary = { targets: targets(1, 2) };
    assert.equal(found('Ready', [...ready(1), ...old(2)], canary), 'True AllReady');
    assert.equal(found('Progressing', [...ready(1), ...old(2)], canary), 'True PartitionReached');
    assert.equal(found('Progressing', old(3), canary), 'True Working');
  });

  it('says that it is stopped, as long as there is one', () => {
    const stopped = { targets: targets(1, 3), stop: paused };
    assert.equal(found('Progressing', [...ready(1), ...old(3)], stopped), 'True Paused');
    assert.equal(found('Progressing', ready(3), { stop: paused }), 'True Complete');
    const failures = {
      targets: targets(1, 3),
      stop: { ...paused, reason: 'ResumeFailures' as const },
    };
    assert.equal(found('Progressing', [...ready(1), ...old(3)], failures), 'False ResumeFailures');
  });

  it('says that it was aborted', () => {
    assert.equal(
      found('Progressing', ready(3), { plan: planFor(3, { asked: NEXT }) }),
      'True Aborted',
    );
  });
});

describe('the time that a drain has', () => {
  const slow = (disruption: object, clients = 0, more: object = {}) => {
    const cluster = stored({ ...minimal, disruption, ...more });
    const edge = { connections: clients, sessions: 0, drain: 'serving' };
    const full = gatewayView('a', { report: { status: gatewayStatus({ edge }) } });
    return found('DrainTooSlow', [full], { cluster });
  };

  it('is enough, or not, for the clients that there are', () => {
    const disruption = { movesPerSecond: 10, drainDeadlineSeconds: 65, drainGraceSeconds: 5 };
    assert.equal(slow(disruption, 500), 'False FastEnough');
    assert.equal(slow(disruption, 510), 'True BudgetTooSmall');
  });

  it('is judged by what an autoscaler aims at, where there is one', () => {
    const disruption = { movesPerSecond: 10 };
    const autoscaling = { maxReplicas: 5, targetConnectionsPerPod: 20_000 };
    assert.equal(slow(disruption, 1, { autoscaling }), 'True BudgetTooSmall');
    const patient = { movesPerSecond: 10, drainDeadlineSeconds: 3_600 };
    assert.equal(slow(patient, 1, { autoscaling }), 'True SlowerThanNodes');
  });
});

describe('problems', () => {
  const none = { foreign: [], refused: [], notCreated: [] };
  const lacking = (what: string) => {
    const status = gatewayStatus({ started: false, lacking: [{ what, reason: 'r' }] });
    const gateways = ['a', 'b'].map((name) => gatewayView(name, { report: { status } }));
    return problemsOf({ ...none, cluster: stored(minimal), gateways });
  };

  it('name the Secret and the key, once for all gateways', () => {
    const problems = lacking('redis.urlFile');
    assert.equal(problems.length, 1);
    assert.match(
      problems[0]?.message ?? '',
      /^Secret chat-redis is missing, lacks the key url, .*\(r\)$/,
    );
  });

  it('are not what the operator itself is about to bring', () => {
    assert.deepEqual(lacking('admin.keysFile'), []);
    assert.deepEqual(
      lacking('redis').map(({ reason }) => reason),
      ['RedisUnreachable'],
    );
  });

  it('begin with what stands in the way of everything', () => {
    const gateways = [gatewayView('a', { trouble: { kind: 'ImagePullFailed', message: 'm' } })];
    const foreign = [{ kind: 'Service', name: 'chat' }];
    const found = { cluster: stored(minimal), gateways, foreign, refused: [] };
    const notCreated = ['exceeded quota: q', 'violates PodSecurity'];
    assert.deepEqual(
      problemsOf({ ...found, notCreated }).map(({ reason }) => reason),
      ['ForeignObject', 'QuotaBlocked', 'PodsRefused', 'ImagePullFailed'],
    );
  });
});
