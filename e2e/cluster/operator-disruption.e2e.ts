import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { after, before, describe, test } from 'node:test';
import { closeCodes } from '../../protocol/codes.ts';
import { until } from '../deadline.ts';
import type { Lab } from '../lab/lab.ts';
import { processesOfPod } from '../lab/pod-processes.ts';
import { figure } from './figures.ts';
import { labOnly } from './target.ts';
import { TrafficWorld } from './traffic-world.ts';

const CLIENTS = 1_000;
const GATEWAYS = 3;
/** Of a client's own backoff; full jitter alone makes 3.8 of it at the 99th percentile. */
const BACKOFF_BASES = 5;
/** What the package has by default. */
const BACKOFF_BASE_MS = 1_000;

describe('what Kubernetes and machines do to a thousand clients', labOnly, () => {
  let traffic: TrafficWorld;
  let lab: Lab;

  const uids = async () => (await traffic.pods()).map(({ metadata }) => metadata.uid).sort();
  const ring = async () => (await traffic.read()).status?.ring;
  const restarts = async () => {
    const path = '-o=jsonpath={.items[*].status.containerStatuses[0].restartCount}';
    const text = await traffic.kubectl('get', 'pods', '-l', 'wscluster.io/cluster=chat', path);
    return text.split(' ').reduce((sum, count) => sum + Number(count), 0);
  };
  /** Of the program in its only container. */
  const signal = (uid: string, name: NodeJS.Signals): void => {
    const pids = processesOfPod(uid);
    assert.ok(pids.length > 0, `no process of pod ${uid}`);
    for (const pid of pids) process.kill(pid, name);
  };
  /** What its program says to that address and hears from there is dropped, until it is called. */
  const cutOff = (uid: string, address: string): (() => void) => {
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
        disruption: { movesPerSecond: 100, drainGraceSeconds: 2, drainDeadlineSeconds: 60 },
      },
    });
    lab = traffic.world.target.lab ?? assert.fail();
  });
  after(async () => {
    await traffic?.stop();
  });

  test('a container that the kernel ends starts again, and all come back', async () => {
    const [pod] = await traffic.pods();
    const before = await restarts();
    const figures = await traffic.during('container killed', async () => {
      signal(pod?.metadata.uid ?? '', 'SIGKILL');
      await eventually('another start', async () => (await restarts()) > before);
      await traffic.settled();
      return { killed: (await restarts()) - before };
    });
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
    const before = await restarts();
    const apiServer = lab.component('kube-apiserver');
    const figures = await traffic.during('killed without an API server', async () => {
      apiServer.freeze();
      try {
        signal(pod?.metadata.uid ?? '', 'SIGKILL');
        await until(() => processesOfPod(pod?.metadata.uid ?? '').length > 0, {
          for: 'its kubelet to start it again',
          ...{ deadlineMs: 60_000, everyMs: 250 },
        });
      } finally {
        apiServer.thaw();
      }
      await eventually('the start to be told', async () => (await restarts()) > before);
      await traffic.settled();
      return { killed: 1 };
    });
    assert.ok(figures.interrupted > 0, 'nobody was there');
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
        await eventually('a ring without it', async () => (await ring())?.members === 2);
        await eventually('another one', async () => {
          const all = await traffic.pods();
          return all.length === GATEWAYS && all.every(({ metadata }) => metadata.uid !== uid);
        });
        await eventually('a ring of all', async () => (await ring())?.members === GATEWAYS);
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
        await eventually('a ring without it', async () => (await ring())?.members === GATEWAYS - 1);
      } finally {
        restore();
      }
      await eventually('it to be ready', isReady);
      await traffic.settled();
      return { cutOff: 1 };
    });
    const { [closeCodes.cutOff.code]: left = 0 } = figures.closes;
    assert.ok(left > CLIENTS / GATEWAYS / 2, `${left} clients left: ${JSON.stringify(figures)}`);
    const broken = figures.interrupted - left;
    assert.ok(broken <= CLIENTS / 100, `${broken} broke: ${JSON.stringify(figures)}`);
    assert.ok((await uids()).includes(uid), 'it is the one that it was');
  });

  test('all gateways are deleted at once', async () => {
    const was = await uids();
    const figures = await traffic.during('all deleted', async () => {
      await traffic.kubectl('delete', 'pods', '-l', 'wscluster.io/cluster=chat', '--wait=false');
      await eventually('others', async () => {
        const is = await uids();
        return is.length === GATEWAYS && is.every((uid) => !was.includes(uid));
      });
      await traffic.settled();
      return { deleted: was.length };
    });
    assert.ok(figures.moves + figures.interrupted > 0, 'nobody was there');
  });

  test('nothing was lost, nothing came twice', async () => {
    const { passed, complaints, ...figures } = await traffic.crowd.finish();
    console.log(JSON.stringify({ clients: CLIENTS, ...figures }));
    assert.deepEqual(complaints, []);
    assert.ok(passed);
    assert.deepEqual(figures.gaps, {});
    figure({
      what: `clients that resumed without a gap after these, of ${CLIENTS}`,
      seen: `100 %, ${figures.deliveries} deliveries, ${figures.reconnects} reconnects`,
      aim: '100 %',
    });
  });
});
