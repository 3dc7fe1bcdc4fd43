import assert from 'node:assert/strict';
import { after, before, describe, type TestContext, test } from 'node:test';
import { Late } from '../../scripts/testing/late.ts';
import { pause, until } from '../deadline.ts';
import type { PhaseFigures } from './crowd/crowd.ts';
import { lostNothing } from './crowd/lost-nothing.ts';
import { figure } from './figures.ts';
import { labOnly } from './target.ts';
import { TrafficWorld } from './traffic-world.ts';

const CLIENTS = 1_000;
const BUDGET = 50;
/** A tenth of a second's share may come at once, two of each gateway always; networks jitter. */
const BUSIEST = BUDGET * 1.1 + 2 * 5 + 5;
const GRACE_S = 5;
const QUIET_MS = 20_000;
/** Of latencies below this nothing follows on a shared machine. */
const LATENCY_FLOOR_MS = 50;

describe('operations are invisible to a thousand clients', labOnly, () => {
  let traffic: TrafficWorld;
  let quiet: PhaseFigures;

  const scale = (replicas: number) =>
    traffic.kubectl('scale', 'wsc/chat', `--replicas=${replicas}`);
  const change = (spec: object) => traffic.world.change(traffic.at, spec);
  const uids = async () => (await traffic.pods()).map(({ metadata }) => metadata.uid).sort();
  const draining = async () => (await traffic.read()).status?.draining ?? [];
  const told = (t: TestContext, figures: PhaseFigures) =>
    console.log(t.name, JSON.stringify(figures));
  /**
   * Nobody is cut off, and no more are asked to go in any second than the budget allows. Clients
   * that stood still for a while hear in one second what was said in all of that time.
   */
  const gently = (figures: PhaseFigures, mostMoves = 1) => {
    const { interrupted, busiestSecond, mostMovesOfOne, stalls } = figures;
    const all = JSON.stringify(figures);
    assert.equal(interrupted, 0, all);
    const busiest = BUSIEST + (BUDGET * stalls.longestMs) / 1_000;
    assert.ok(busiestSecond <= busiest, `${busiestSecond} clients within a second: ${all}`);
    assert.ok(mostMovesOfOne <= mostMoves, `one client was moved ${mostMovesOfOne} times: ${all}`);
  };

  before(async () => {
    traffic = await TrafficWorld.start({
      ...{ name: 'traffic', nodes: 3, clients: CLIENTS },
      spec: {
        replicas: 3,
        // Clients are in the cluster: they reach the gateway that they are sent to.
        placement: { podEndpoint: 'address' },
        disruption: {
          movesPerSecond: BUDGET,
          drainGraceSeconds: GRACE_S,
          drainDeadlineSeconds: 120,
        },
      },
    });
  });
  after(async () => {
    await traffic?.stop();
  });

  test('nothing happens for a while', async (t) => {
    quiet = await traffic.during('nothing', async () => {
      await pause(QUIET_MS);
      return { waitedMs: QUIET_MS };
    });
    told(t, quiet);
    assert.deepEqual([quiet.moves, quiet.interrupted], [0, 0]);
  });

  test('two gateways more take their share, at the budget', async (t) => {
    const was = await uids();
    const figures = await traffic.during('scale-up', async () => {
      await scale(5);
      await traffic.settled();
      // Shards are theirs at once, clients as the budget has it.
      await pause((CLIENTS / BUDGET) * 1_000);
      return { gateways: (await uids()).length - was.length };
    });
    told(t, figures);
    gently(figures);
    const share = (CLIENTS * 2) / 5;
    assert.ok(figures.moves > share / 2 && figures.moves <= share * 1.2, `${figures.moves} moves`);
    assert.ok(was.every((uid) => uid !== undefined));
  });

  test('two gateways less are emptied, and no others are removed', async (t) => {
    const was = await traffic.pods();
    const seen = new Set<string>();
    const figures = await traffic.during('scale-down', async () => {
      await scale(3);
      await until(
        async () => {
          for (const { pod } of await draining()) seen.add(pod);
          return seen.size === 2;
        },
        { for: 'two to be emptied', deadlineMs: 60_000, everyMs: 250 },
      );
      await traffic.settled();
      return { emptied: seen.size };
    });
    told(t, figures);
    gently(figures);
    const is = (await traffic.pods()).map(({ metadata }) => metadata.name);
    const gone = was.map(({ metadata }) => metadata.name).filter((name) => !is.includes(name));
    assert.deepEqual(gone.sort(), [...seen].sort());
    const said = (await traffic.events('Emptying')).join('\n');
    for (const name of gone) assert.match(said, new RegExp(`${name} is emptied of \\d+ clients`));
  });

  test('demand that is back calls off what was begun', async (t) => {
    const was = await uids();
    const had = await traffic.crowd.served();
    const figures = await traffic.during('called off', async () => {
      const began = performance.now();
      await scale(2);
      const { pod } = await until(async () => (await draining())[0], {
        for: 'one to be emptied',
        ...{ deadlineMs: 60_000, everyMs: 100 },
      });
      const all = had.get(pod) ?? assert.fail(`${pod} has no clients`);
      await until(async () => ((await traffic.crowd.served()).get(pod) ?? 0) <= all - 10, {
        for: 'some of its clients to have gone',
        ...{ deadlineMs: 60_000, everyMs: 50 },
      });
      await scale(3);
      const emptyMs = (GRACE_S + all / BUDGET) * 1_000;
      if (performance.now() - began > emptyMs) throw new Late('it was empty before it was wanted');
      await traffic.settled();
      return { begun: 1 };
    });
    told(t, figures);
    gently(figures, 2);
    assert.deepEqual(await uids(), was, 'it is the same gateways');
    assert.equal((await traffic.events('CalledBack')).length, 1);
  });

  // How late messages are is a figure, and no test: here gateways start on the processors that
  // the others have.
  test('other settings move each client once', async (t) => {
    const was = await uids();
    const figures = await traffic.during('rollout', async () => {
      await change({ limits: { topicsPerConnection: 50 } });
      await traffic.settled();
      return { replaced: (await uids()).filter((uid) => !was.includes(uid)).length };
    });
    told(t, figures);
    gently(figures);
    assert.equal(figures.moves, CLIENTS);
    assert.deepEqual(
      (await uids()).filter((uid) => was.includes(uid)),
      [],
    );
    const ratio = figures.latencyP99Ms / Math.max(quiet.latencyP99Ms, LATENCY_FLOOR_MS);
    figure({
      what: `moves of each of ${CLIENTS} clients by a rollout of 3 gateways`,
      seen: `${figures.mostMovesOfOne} (${figures.moves} in all)`,
      aim: '1',
    });
    figure({
      what: `clients asked to go, or cut off, in its fullest second, at ${BUDGET} per second`,
      seen: `${figures.busiestSecond}, and ${figures.interrupted} cut off`,
      aim: `≤ ${BUSIEST}`,
    });
    figure({
      what: 'p99 of the latency of messages during it, over that of a quiet time before',
      seen: `${ratio.toFixed(2)} × (${figures.latencyP99Ms} and ${quiet.latencyP99Ms} ms)`,
      aim: '≤ 3 ×',
    });
  });

  test('a rollout that is paused waits, and goes back on the same way', async (t) => {
    const figures = await traffic.during('paused and undone', async () => {
      await change({ limits: { topicsPerConnection: 60 }, rollout: { partition: 2 } });
      await traffic.world.reaches(traffic.at, 'Progressing', 'True PartitionReached');
      await traffic.settled();
      const canary = await traffic.read();
      assert.equal(canary.status?.updatedReplicas, 1);
      await change({ rollout: { paused: true, partition: 0 } });
      await traffic.world.reaches(traffic.at, 'Progressing', 'True Paused');
      const before = await uids();
      await pause(10_000);
      assert.deepEqual(await uids(), before);
      await change({ limits: { topicsPerConnection: 50 }, rollout: { paused: false } });
      await traffic.settled();
      return { canaries: 1 };
    });
    told(t, figures);
    gently(figures, 3);
    assert.ok(figures.moves < CLIENTS, 'only those of one gateway, there and back');
  });

  test('an image that does not exist disturbs nobody', async (t) => {
    const was = await uids();
    const figures = await traffic.during('bad image', async () => {
      await change({ image: 'registry.invalid/nothing:1' });
      await traffic.world.reaches(traffic.at, 'Degraded', 'True ImagePullFailed');
      assert.deepEqual(
        was.filter((uid) => uid === undefined),
        [],
      );
      await change({ image: null });
      await traffic.settled();
      return { failed: 1 };
    });
    told(t, figures);
    assert.deepEqual([figures.moves, figures.interrupted], [0, 0]);
    assert.deepEqual(await uids(), was);
  });

  test('kubectl drain takes its turn at the budget', async (t) => {
    const [pod] = await traffic.pods();
    const node = pod?.spec.nodeName ?? assert.fail();
    const selector = '--pod-selector=wscluster.io/cluster=chat';
    const figures = await traffic.during('kubectl drain', async () => {
      await traffic.kubectl('drain', node, selector, '--timeout=240s');
      await traffic.settled();
      const left = (await traffic.pods()).filter(({ spec }) => spec.nodeName === node);
      assert.deepEqual(left, []);
      return { evicted: 1 };
    });
    await traffic.kubectl('uncordon', node);
    told(t, figures);
    gently(figures, 2);
  });

  test('a gateway that is killed loses nothing, and all come back', async (t) => {
    const [{ metadata } = assert.fail()] = await traffic.pods();
    const figures = await traffic.during('killed', async () => {
      await traffic.removeByForce(metadata);
      await until(async () => (await uids()).length === 3, {
        for: 'another one',
        ...{ deadlineMs: 60_000, everyMs: 250 },
      });
      await traffic.settled();
      return { killed: 1 };
    });
    told(t, figures);
    assert.ok(figures.interrupted > 0, 'nobody was there');
  });

  test('nothing was lost, nothing came twice', async () => {
    await lostNothing(traffic.crowd);
  });
});
