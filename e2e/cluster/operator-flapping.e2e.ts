import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { pause, until } from '../deadline.ts';
import { processesOfPod } from '../lab/pod-processes.ts';
import { lostNothing } from './crowd/lost-nothing.ts';
import { labOnly } from './target.ts';
import { TrafficWorld } from './traffic-world.ts';

const CLIENTS = 1_000;
const GATEWAYS = 3;
/** Longer than two readiness probes in a row, and shorter than two heartbeats of a client. */
const FROZEN_MS = 7_000;
const FLAPS = 3;
const SETTINGS = [40, 41, 42] as const;

describe('changes of mind, one upon the other', labOnly, () => {
  let traffic: TrafficWorld;

  const change = (spec: object) => traffic.world.change(traffic.at, spec);
  const scale = (replicas: number) =>
    traffic.kubectl('scale', 'wsc/chat', `--replicas=${replicas}`);
  const ring = async () => (await traffic.read()).status?.ring;
  const ready = async (pod: string) => {
    const path = '-o=jsonpath={.status.conditions[?(@.type=="Ready")].status}';
    return (await traffic.kubectl('get', 'pod', pod, path)) === 'True';
  };
  const draining = async () => (await traffic.read()).status?.draining ?? [];
  const emptying = () =>
    until(async () => (await draining()).some(({ state }) => state === 'Emptying'), {
      for: 'one to be emptied',
      ...{ deadlineMs: 90_000, everyMs: 100 },
    });

  before(async () => {
    traffic = await TrafficWorld.start({
      ...{ name: 'flapping', nodes: 1, clients: CLIENTS },
      spec: {
        replicas: GATEWAYS,
        placement: { podEndpoint: 'address' },
        disruption: { movesPerSecond: 100, drainGraceSeconds: 2, drainDeadlineSeconds: 60 },
      },
    });
  });
  after(async () => {
    await traffic?.stop();
  });

  test('a gateway that stops being ready again and again stays in the ring', async () => {
    const [pod] = await traffic.pods();
    const { name, uid } = pod?.metadata ?? assert.fail();
    const was = await ring();
    const signal = (what: NodeJS.Signals) => {
      const pids = processesOfPod(uid);
      assert.ok(pids.length > 0, `no process of ${name}`);
      for (const pid of pids) process.kill(pid, what);
    };
    let unready = 0;
    await traffic.during('flapping', async () => {
      for (let n = 0; n < FLAPS; n += 1) {
        signal('SIGSTOP');
        const began = performance.now();
        try {
          await until(async () => !(await ready(name)), {
            for: 'it not to be ready',
            ...{ deadlineMs: 20_000, everyMs: 200 },
          });
          unready += 1;
          await pause(Math.max(0, FROZEN_MS - (performance.now() - began)));
        } finally {
          signal('SIGCONT');
        }
        await until(() => ready(name), {
          for: 'it to be ready',
          ...{ deadlineMs: 30_000, everyMs: 200 },
        });
      }
      await traffic.settled();
      return { unready };
    });
    assert.deepEqual(await ring(), was, 'no ring was made for it');
  });

  test('two rollouts in a row end as the second has it, scaled meanwhile', async () => {
    const figures = await traffic.during('two rollouts', async () => {
      await change({ limits: { topicsPerConnection: SETTINGS[0] } });
      await emptying();
      await change({ limits: { topicsPerConnection: SETTINGS[1] } });
      await scale(GATEWAYS + 1);
      await traffic.settled();
      return { rollouts: 2 };
    });
    const { status } = await traffic.read();
    assert.equal((await traffic.pods()).length, GATEWAYS + 1);
    assert.equal(status?.updatedReplicas, GATEWAYS + 1);
    assert.equal(figures.interrupted, 0, JSON.stringify(figures));
    // One for each change, and one more where a gateway came between them.
    assert.ok(figures.mostMovesOfOne <= 3, `${figures.mostMovesOfOne} moves of one`);
  });

  test('a rollout that begins while a gateway is emptied for another reason', async () => {
    const figures = await traffic.during('rollout in a drain', async () => {
      await scale(GATEWAYS);
      await emptying();
      await change({ limits: { topicsPerConnection: SETTINGS[2] } });
      await traffic.settled();
      return { rollouts: 1 };
    });
    assert.equal((await traffic.pods()).length, GATEWAYS);
    assert.equal(figures.interrupted, 0, JSON.stringify(figures));
    assert.ok(figures.mostMovesOfOne <= 2, `${figures.mostMovesOfOne} moves of one`);
  });

  test('nothing was lost, nothing came twice', async () => {
    await lostNothing(traffic.crowd);
  });
});
