import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { minimal, stored } from '../api/testing/samples.ts';
import type { WsCluster, WsClusterSpecInput } from '../api/wscluster.ts';
import type { GatewayView } from './gateways.ts';
import type { Plan } from './plan.ts';
import { stopOf } from './stop.ts';
import { gatewayStatus, gatewayView, REVISION } from './testing/gateway-views.ts';

const basis = { image: 'i', templateVersion: 1 };
const plan: Plan = { replicas: 3, revision: REVISION, asked: REVISION, basis, stable: 'old' };

interface Asked {
  readonly all: number;
  readonly failed: number;
}

const young = (requests: Asked, name = 'young') =>
  gatewayView(name, { report: { status: gatewayStatus({ requests }) } });
const old = (requests: Asked) =>
  gatewayView('old', { revision: 'old', report: { status: gatewayStatus({ requests }) } });
const judged = (
  gateways: readonly GatewayView[],
  rollout: WsClusterSpecInput['rollout'] = {},
  is: Partial<Plan> = {},
) => stopOf({ cluster: stored({ ...minimal, rollout }), plan: { ...plan, ...is }, gateways });

describe('requests that new gateways fail', () => {
  it('stop a rollout when they are too large a share, of enough of them', () => {
    assert.equal(judged([young({ all: 100, failed: 6 })])?.reason, 'RequestFailures');
    assert.equal(judged([young({ all: 100, failed: 5 })]), undefined);
    assert.equal(judged([young({ all: 19, failed: 19 })]), undefined);
    const two = [young({ all: 50, failed: 0 }, 'a'), young({ all: 50, failed: 6 }, 'b')];
    assert.equal(judged(two)?.reason, 'RequestFailures');
  });

  it('are not what the others fail as well', () => {
    const bad = { all: 100, failed: 20 };
    assert.equal(judged([young(bad), old({ all: 10_000, failed: 1_900 })]), undefined);
    const { message } =
      judged([young(bad), old({ all: 10_000, failed: 100 })]) ?? assert.fail('it goes on');
    assert.match(
      message,
      /^20 of 100 requests .* where the others have 100 of 10000; spec\.rollout/,
    );
    assert.match(message, /maxRequestFailures is 5%/);
    const hardly = old({ all: 19, failed: 19 });
    assert.equal(judged([young(bad), hardly])?.reason, 'RequestFailures', 'of few nothing follows');
  });

  it('are counted one by one where a number is said, whatever the others fail', () => {
    const others = old({ all: 10_000, failed: 9_000 });
    const limit = { maxRequestFailures: 3 };
    assert.equal(judged([young({ all: 5, failed: 3 }), others], limit), undefined);
    assert.equal(judged([young({ all: 5, failed: 4 }), others], limit)?.reason, 'RequestFailures');
  });

  it('stop nothing on the way back to the revision that all had last', () => {
    const failing = young({ all: 100, failed: 100 });
    assert.equal(judged([failing], {}, { stable: REVISION }), undefined);
    assert.equal(judged([failing], {}, { asked: 'next' }), undefined, 'nor when it is aborted');
  });

  it('hold a rollout until the spec is another one, though gateways forget', () => {
    const cluster = stored(minimal);
    const held: WsCluster = {
      ...cluster,
      status: {
        revision: { name: REVISION, image: 'i', templateVersion: 1 },
        conditions: [
          {
            ...{ type: 'Progressing', status: 'False', reason: 'RequestFailures' },
            ...{ message: 'm', lastTransitionTime: '2026-01-01T00:00:00Z' },
            observedGeneration: cluster.metadata.generation,
          },
        ],
      },
    };
    assert.deepEqual(stopOf({ cluster: held, plan, gateways: [] }), {
      reason: 'RequestFailures',
      message: 'm',
    });
    const generation = cluster.metadata.generation + 1;
    const edited = { ...held, metadata: { ...held.metadata, generation } };
    assert.equal(stopOf({ cluster: edited, plan, gateways: [] }), undefined);
  });
});

describe('whatever gateways count', () => {
  const asked = fc
    .tuple(fc.nat(10_000), fc.nat(10_000))
    .map(([all, failed]) => ({ all, failed: Math.min(all, failed) }));

  it('more failures never let a rollout go on that fewer stopped', () => {
    fc.assert(
      fc.property(asked, asked, fc.nat(10_000), (new_, before, more) => {
        const others = old(before);
        const worse = { all: new_.all, failed: Math.min(new_.all, new_.failed + more) };
        const stopped = judged([young(new_), others]) !== undefined;
        assert.ok(!stopped || judged([young(worse), others]) !== undefined);
      }),
    );
  });

  it('new gateways that do no worse than the others are not stopped', () => {
    fc.assert(
      fc.property(asked, fc.nat(1_000), (before, times) => {
        fc.pre(before.all >= 20);
        const same = { all: before.all * times, failed: before.failed * times };
        assert.equal(judged([young(same), old(before)]), undefined);
      }),
    );
  });
});
