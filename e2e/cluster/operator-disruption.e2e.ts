import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { after, before, describe, test } from 'node:test';
import { closeCodes } from '../../protocol/codes.ts';
import { pause, until } from '../deadline.ts';
import type { Lab } from '../lab/lab.ts';
import { MemoryEater } from '../lab/memory-eater.ts';
import { processesOfPod } from '../lab/pod-processes.ts';
import type { PhaseFigures, Served } from './crowd/crowd.ts';
import { lostNothing } from './crowd/lost-nothing.ts';
import { figure } from './figures.ts';
import { labOnly } from './target.ts';
import { TrafficWorld } from './traffic-world.ts';

const CLIENTS = 1_000;
const GATEWAYS = 3;
const BUDGET = 30;
/** Of a client's own backoff; full jitter alone makes 3.8 of it at the 99th percentile. */
const BACKOFF_BASES = 5;
/** What the package has by default. */
const BACKOFF_BASE_MS = 1_000;
/** Of `kubectl delete`: too short for the clients of one gateway at the budget. */
const NOTICE_S = 15;
const AWAY_MS = 15_000;
/**
 * While the API server is away, a third of all tries is led to the gateway that is lost, and fails
 * after seconds; with ever longer breaks between them, one client in 10,000 needs two minutes.
 */
const LED_ASTRAY_MS = 240_000;
/**
 * Kubernetes' controllers take two minutes to come back where the API server was away for some, and
 * only then the time begins after which a node that says nothing is given up.
 */
const NOTICED_MS = 240_000;

describe('what Kubernetes and machines do to a thousand clients', labOnly, () => {
  let traffic: TrafficWorld;
  let lab: Lab;

  const told = (what: string, figures: PhaseFigures) => console.log(what, JSON.stringify(figures));
  const uids = async () => (await traffic.pods()).map(({ metadata }) => metadata.uid).sort();
  const outOfRing = (name: string) => async () => !(await traffic.inRing()).includes(name);
  const restarts = async () => {
    const path = '-o=jsonpath={.items[*].status.containerStatuses[0].restartCount}';
    const text = await traffic.kubectl('get', 'pods', '-l', 'wscluster.io/cluster=chat', path);
    return text.split(' ').reduce((sum, count) => sum + Number(count), 0);
  };
  /** Why the container before this one ended. */
  const lastEnd = async (name: string) => {
    const path = '{.status.containerStatuses[0].lastState.terminated}';
    const text = await traffic.kubectl('get', 'pod', name, `-o=jsonpath=${path}`);
    return JSON.parse(text) as { readonly reason: string; readonly exitCode: number };
  };
  /** Of the program in its only container. */
  const signal = (uid: string, name: NodeJS.Signals): void => {
    const pids = processesOfPod(uid);
    assert.ok(pids.length > 0, `no process of pod ${uid}`);
    for (const pid of pids) process.kill(pid, name);
  };
  /** Resolves with what came of it; the API server answers again then, whatever happened. */
  const withoutApiServer = async <T>(what: () => Promise<T>): Promise<T> => {
    const apiServer = lab.component('kube-apiserver');
    apiServer.freeze();
    try {
      return await what();
    } finally {
      apiServer.thaw();
    }
  };
  /** Resolves when these are gone, with all that they did to clients, and others serve. */
  const replaced = async (...gone: readonly string[]) => {
    const path = '-o=jsonpath={.items[*].metadata.uid}';
    await eventually('others', async () => {
      const text = await traffic.kubectl('get', 'pods', '-l', 'wscluster.io/cluster=chat', path);
      const all = text.split(' ');
      return all.length === GATEWAYS && !all.some((uid) => gone.includes(uid));
    });
    await traffic.settled();
  };
  const eventually = (what: string, holds: () => Promise<boolean>, deadlineMs = 120_000) =>
    until(holds, { for: what, deadlineMs, everyMs: 250 });

  before(async () => {
    traffic = await TrafficWorld.start({
      ...{ name: 'disruption', nodes: GATEWAYS, clients: CLIENTS },
      spec: {
        replicas: GATEWAYS,
        // Who is there no more shows by its silence alone.
        heartbeat: { intervalSeconds: 5, timeoutSeconds: 2 },
        placement: { podEndpoint: 'address' },
        disruption: { movesPerSecond: BUDGET, drainGraceSeconds: 2, drainDeadlineSeconds: 60 },
        resources: { limits: { memory: '384Mi' } },
      },
    });
    lab = traffic.world.target.lab ?? assert.fail();
  });
  after(async () => {
    await traffic?.stop();
  });

  test('a container that is out of memory starts again, and all come back', async () => {
    const [pod] = await traffic.pods();
    const { name, uid } = pod?.metadata ?? assert.fail();
    const before = await restarts();
    const pid = processesOfPod(uid)[0] ?? assert.fail(`no process of pod ${uid}`);
    const figures = await traffic.during('out of memory', async () => {
      const eater = new MemoryEater(pid);
      try {
        await until(() => !processesOfPod(uid).includes(pid), {
          for: 'the kernel to end it',
          deadlineMs: 60_000,
        });
      } finally {
        await eater.stop();
      }
      await eventually('another start', async () => (await restarts()) > before);
      await traffic.settled();
      return { killed: (await restarts()) - before };
    });
    const { reason, exitCode } = await lastEnd(name);
    assert.deepEqual([reason, exitCode], ['OOMKilled', 137]);
    assert.ok(figures.interrupted > 0, 'nobody was there');
    const bases = figures.outageP99Ms / BACKOFF_BASE_MS;
    figure({
      what: 'p99 of the interruption when a gateway is killed, over the base of their backoff',
      seen: `${bases.toFixed(1)} × (${figures.outageP99Ms} ms, ${figures.interrupted} clients)`,
      aim: `≤ ${BACKOFF_BASES} ×`,
    });
  });

  test('a gateway that is killed while the API server is away', async () => {
    const [, pod] = await traffic.pods();
    const { uid } = pod?.metadata ?? assert.fail();
    const before = await restarts();
    const figures = await traffic.during('killed without an API server', async () => {
      await withoutApiServer(async () => {
        signal(uid, 'SIGKILL');
        await until(() => processesOfPod(uid).length > 0, {
          for: 'its kubelet to start it again',
          ...{ deadlineMs: 60_000, everyMs: 250 },
        });
      });
      await eventually('the start to be told', async () => (await restarts()) > before);
      await traffic.settled();
      return { killed: 1 };
    });
    assert.ok(figures.interrupted > 0, 'nobody was there');
  });

  test('a gateway that is deleted empties itself, though the API server goes away', async () => {
    const [pod] = await traffic.pods();
    const { name, uid } = pod?.metadata ?? assert.fail();
    const figures = await traffic.during('deleted', async () => {
      await traffic.kubectl('delete', 'pod', name, '--wait=false');
      const path = '-o=jsonpath={.status.conditions[?(@.type=="Ready")].status}';
      await eventually('it to know', async () => {
        return (await traffic.kubectl('get', 'pod', name, path)) === 'False';
      });
      await withoutApiServer(() => servedByOthers(traffic, name));
      await replaced(uid);
      return { deleted: 1 };
    });
    told('deleted', figures);
    assert.ok(figures.moves > 0, 'nobody was there');
    assert.equal(figures.interrupted, 0);
  });

  test('a gateway that is removed by force, and the API server with it', async () => {
    const [pod] = await traffic.pods();
    const { name, uid } = pod?.metadata ?? assert.fail();
    const figures = await traffic.during('removed by force', async () => {
      await traffic.removeByForce({ name, uid });
      await withoutApiServer(() => servedByOthers(traffic, name));
      await replaced(uid);
      return { removed: 1 };
    });
    told('removed by force', figures);
    assert.ok(figures.interrupted > 0, 'nobody was there');
  });

  test('a gateway that gets short notice hurries, and nobody is cut off', async () => {
    const served = await traffic.crowd.served();
    const [[name, clients] = assert.fail()] = [...served].toSorted(([, a], [, b]) => b - a);
    const pods = await traffic.pods();
    const { uid } = pods.find(({ metadata }) => metadata.name === name)?.metadata ?? assert.fail();
    const figures = await traffic.during('short notice', async () => {
      await traffic.kubectl('delete', 'pod', name, `--grace-period=${NOTICE_S}`, '--wait=false');
      await replaced(uid);
      return { noticeS: NOTICE_S };
    });
    told('short notice', figures);
    // Who cannot go on elsewhere in time, on a machine that has much else to do, is told to come
    // back, with its publishes answered; nobody is there any more when the time is over.
    const { [closeCodes.drain.code]: sent = 0, ...cut } = figures.closes;
    assert.deepEqual(cut, {}, JSON.stringify(figures));
    assert.ok(figures.moves > 0, JSON.stringify(figures));
    assert.ok(figures.busiestSecond > BUDGET, JSON.stringify(figures));
    figure({
      what: `clients cut off, of a gateway that is given ${NOTICE_S} s, at ${BUDGET} per second`,
      seen: `0 of ${clients}, ${sent} told to come back; ${figures.busiestSecond} in a second`,
      aim: '0',
    });
  });

  test('a node that is lost is out of the ring, and its clients are served elsewhere', async () => {
    const redis = await traffic.kubectl('get', 'pod/redis', '-o=jsonpath={.spec.nodeName}');
    const pods = await traffic.pods();
    const pod = pods.find(({ spec }) => spec.nodeName !== redis) ?? assert.fail();
    const { uid, name } = pod.metadata;
    const kubelet = lab.component(`kubelet-${pod.spec.nodeName}`);
    const figures = await traffic.during('node lost', async () => {
      kubelet.freeze();
      signal(uid, 'SIGSTOP');
      try {
        // Nobody is there to notice, but for its clients.
        await withoutApiServer(() => servedByOthers(traffic, name));
        // Not how many there are: by then another one may be in its place.
        await eventually('a ring without it', outOfRing(name), NOTICED_MS);
        await eventually('another one', async () => {
          const all = await traffic.pods();
          return all.length === GATEWAYS && all.every(({ metadata }) => metadata.uid !== uid);
        });
        await eventually('a ring of all', async () => {
          return (await traffic.inRing()).length === GATEWAYS;
        });
      } finally {
        signal(uid, 'SIGCONT');
        kubelet.thaw();
      }
      await eventually('the lost one to be gone', async () => {
        return (await traffic.kubectl('get', 'pod', name, '--ignore-not-found')) === '';
      });
      await traffic.settled();
      return { lost: 1 };
    });
    told('node lost', figures);
    assert.ok(figures.interrupted > 0, 'nobody was there');
  });

  test('a gateway that alone does not reach Redis gives its clients to those that do', async () => {
    const [pod] = await traffic.pods();
    const { uid, name } = pod?.metadata ?? assert.fail();
    const address = await traffic.kubectl('get', 'pod/redis', '-o=jsonpath={.status.podIP}');
    const ready = '-o=jsonpath={.status.conditions[?(@.type=="Ready")].status}';
    const isReady = async () => (await traffic.kubectl('get', 'pod', name, ready)) === 'True';
    const figures = await traffic.during('cut off from Redis', async () => {
      const restore = cutOff(uid, address);
      try {
        await eventually('it not to be ready', async () => !(await isReady()));
        await eventually('a ring without it', outOfRing(name));
      } finally {
        restore();
      }
      await eventually('it to be ready', isReady);
      await traffic.settled();
      return { cutOff: 1 };
    });
    const { [closeCodes.cutOff.code]: left = 0 } = figures.closes;
    assert.ok(left > CLIENTS / 100, `${left} clients left: ${JSON.stringify(figures)}`);
    const broken = figures.interrupted - left;
    assert.ok(broken <= CLIENTS / 100, `${broken} broke: ${JSON.stringify(figures)}`);
    assert.ok((await uids()).includes(uid), 'it is the one that it was');
  });

  test('all gateways are deleted at once, and the API server goes away', async () => {
    const was = await uids();
    const figures = await traffic.during('all deleted', async () => {
      await traffic.kubectl('delete', 'pods', '-l', 'wscluster.io/cluster=chat', '--wait=false');
      await withoutApiServer(() => pause(AWAY_MS));
      await replaced(...was);
      return { deleted: was.length };
    });
    told('all deleted', figures);
    assert.ok(figures.moves + figures.interrupted > 0, 'nobody was there');
  });

  test('nothing was lost, nothing came twice', async () => {
    const figures = await lostNothing(traffic.crowd);
    figure({
      what: `clients that resumed without a gap after these, of ${CLIENTS}`,
      seen: `100 %, ${figures.deliveries} deliveries, ${figures.reconnects} reconnects`,
      aim: '100 %',
    });
  });
});

/** What its program says to that address and hears from there is dropped, until it is called. */
function cutOff(uid: string, address: string): () => void {
  const [pid] = processesOfPod(uid);
  const both = [['OUTPUT', '-d'] as const, ['INPUT', '-s'] as const];
  const say = (verb: string) => {
    for (const [chain, side] of both) {
      const rule = [verb, chain, side, address, '-j', 'DROP'];
      execFileSync('nsenter', [`--net=/proc/${pid}/ns/net`, 'iptables', '--wait', ...rule]);
    }
  };
  say('-I');
  return () => say('-D');
}

/** All are connected, and none to this one, by their own word: nobody is asked for it. */
function servedByOthers({ crowd }: TrafficWorld, name: string): Promise<boolean> {
  let served: Served = new Map();
  return until(
    async () => {
      served = await crowd.served();
      const all = [...served.values()].reduce((sum, count) => sum + count, 0);
      return all === CLIENTS && !served.has(name);
    },
    {
      for: () => `all to be served by others than ${name}: ${JSON.stringify([...served])}`,
      ...{ deadlineMs: LED_ASTRAY_MS, everyMs: 250 },
    },
  );
}
