import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { until } from '../deadline.ts';
import { lostNothing } from './crowd/lost-nothing.ts';
import { labOnly } from './target.ts';
import { TrafficWorld } from './traffic-world.ts';

const CLIENTS = 400;
const GATEWAYS = 3;

describe('drains that somebody asks for at once', labOnly, () => {
  let traffic: TrafficWorld;

  const names = async () => (await traffic.pods()).map(({ metadata }) => metadata.name);

  before(async () => {
    traffic = await TrafficWorld.start({
      ...{ name: 'drains', nodes: 1, clients: CLIENTS },
      spec: {
        replicas: GATEWAYS,
        disruption: { movesPerSecond: 30, drainGraceSeconds: 2, drainDeadlineSeconds: 60 },
      },
    });
  });
  after(async () => {
    await traffic?.stop();
  });

  test('all are emptied and replaced, nobody is cut off, and no other goes', async (t) => {
    const was = await names();
    const asked = was.slice(0, GATEWAYS - 1);
    const figures = await traffic.during('drains', async () => {
      await traffic.kubectl('annotate', 'pod', ...asked, 'wscluster.io/drain-requested=yes');
      let is: readonly string[] = [];
      const areReplaced = async () => {
        is = await names();
        return is.length === GATEWAYS && asked.every((name) => !is.includes(name));
      };
      await until(areReplaced, {
        for: () => `${asked.join(' and ')} to be replaced: ${is.join(', ')}`,
        ...{ deadlineMs: 180_000, everyMs: 500 },
      });
      await traffic.settled();
      return { asked: asked.length };
    });
    t.diagnostic(JSON.stringify({ ...figures, stories: {} }));
    assert.deepEqual(
      (await names()).filter((name) => was.includes(name)),
      was.slice(GATEWAYS - 1),
    );
    assert.deepEqual([figures.interrupted, figures.closes], [0, {}], JSON.stringify(figures));
    assert.ok(figures.moves > 0);
  });

  test('nothing was lost, nothing came twice', async () => {
    await lostNothing(traffic.crowd);
  });
});
