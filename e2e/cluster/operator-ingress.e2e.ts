import assert from 'node:assert/strict';
import { after, before, describe, type TestContext, test } from 'node:test';
import { WebSocket } from 'ws';
import { pause, until } from '../deadline.ts';
import { run } from '../lab/command.ts';
import type { PhaseFigures } from './crowd/crowd.ts';
import { lostNothing } from './crowd/lost-nothing.ts';
import { Ingress, openPort, proxies } from './ingress.ts';
import { labOnly } from './target.ts';
import { Throng } from './throng.ts';
import { TrafficWorld } from './traffic-world.ts';

const CLIENTS = 300;
const QUIET = 60;
const GATEWAYS = 3;
/** Longer than a heartbeat (5 s), also on a machine that is busy, and less than `WAIT_MS`. */
const SILENCE_S = 15;
const WAIT_MS = 20_000;
const PATIENCE = {
  usual: { silence: SILENCE_S, goodbye: 3 },
  /** Shorter than a heartbeat. */
  hasty: { silence: 1, goodbye: 3 },
};
/** For silences to be cut again and again. */
const HASTE_MS = 12_000;

describe('clients outside of the cluster, behind an ingress', labOnly, () => {
  let traffic: TrafficWorld;
  let ingress: Ingress<keyof typeof PATIENCE>;
  let throng: Throng;
  /** `host:port` */
  let door = '';

  const told = (t: TestContext, figures: PhaseFigures) =>
    console.log(t.name, JSON.stringify(figures));
  /** Of all gateways together, by the name of a series with its labels, as they say it. */
  const sum = async (series: string): Promise<number> => {
    const { kubectl } = traffic.world.target;
    const values = (await traffic.pods()).map(async ({ metadata: { name } }) => {
      const pods = `/api/v1/namespaces/${traffic.at.namespace}/pods`;
      const text = await kubectl('get', '--raw', `${pods}/${name}:9001/proxy/metrics`);
      const line = text.split('\n').find((one) => one.startsWith(`${series} `));
      return Number(line?.slice(series.length + 1) ?? assert.fail(`no ${series} at ${name}`));
    });
    return (await Promise.all(values)).reduce((all, value) => all + value, 0);
  };
  const passedOn = () => sum('wscluster_proxied_connections');
  /** Clients that were asked to go, at the budget, by the gateways that are there. */
  const asked = () => sum('wscluster_moved_total{how="paced"}');

  before(async () => {
    traffic = await TrafficWorld.start({
      ...{ name: 'ingress', nodes: 1, clients: CLIENTS },
      spec: {
        replicas: GATEWAYS,
        // Shorter than the silence that the proxies bear, but for the last one.
        heartbeat: { intervalSeconds: 5, timeoutSeconds: 2 },
        // Each has a key of its own, which decides where it belongs.
        placement: { mode: 'Proxy', key: 'query:key' },
        disruption: { movesPerSecond: 100, drainGraceSeconds: 2, drainDeadlineSeconds: 60 },
      },
      way: async ({ target, at: { namespace } }) => {
        const { kubectl } = target;
        await target.load(...(await Ingress.images()));
        ingress = await Ingress.start({ kubectl, namespace, patience: PATIENCE });
        await kubectl('-n', namespace, 'label', 'pod/redis', 'app=redis');
        const port = await openPort(kubectl, { namespace, name: 'redis', port: 6379 });
        // The lab's one address that this machine reaches; it does not know of pods or Services.
        const { hostname: host } = new URL(target.lab?.server ?? assert.fail());
        door = `${host}:${ingress.port}`;
        return { pid: process.pid, gateways: door, redis: { host, port } };
      },
    });
    throng = await Throng.start(process.pid, `ws://${door}/ws?topics=silence`, QUIET);
  });
  after(async () => {
    await throng?.leave();
    await traffic?.stop();
  });

  test('there is no other way in, and each proxy has its part of them', async () => {
    const deviceTo = async (address: string) =>
      / dev (\S+)/.exec(await run('ip', ['-o', 'route', 'get', address]))?.[1];
    const [pod] = await traffic.pods();
    const lab = await deviceTo(door.split(':')[0] ?? '');
    assert.match(lab ?? '', /^wsclab/);
    const { podIP } = pod?.status ?? {};
    assert.notEqual(await deviceTo(podIP ?? ''), lab);
    const there = await ingress.connections();
    console.log(JSON.stringify(there));
    for (const proxy of proxies) assert.ok(there[proxy] > (CLIENTS + QUIET) / 4, proxy);
  });

  test('whichever gateway they come to, it passes them on to their own', async () => {
    // Two thirds came to another one; who did not get on within a second is served where it is.
    const count = await passedOn();
    assert.ok(count > CLIENTS / 5, `${count} are passed on`);
  });

  test('a page is let in by the Host that the ingress passes on', async () => {
    assert.equal(await visit(door, `http://${door}`), 101);
    assert.equal(await visit(door, 'http://elsewhere.example.com'), 403);
  });

  test('silence for longer than the ingress allows cuts nobody off', async (t) => {
    const figures = await traffic.during('silence', async () => {
      const before = throng.lost;
      await pause(WAIT_MS);
      assert.equal(throng.lost - before, 0);
      return { waitedMs: WAIT_MS };
    });
    told(t, figures);
    assert.deepEqual([figures.interrupted, figures.moves], [0, 0]);
  });

  test('a gateway less is noticed by nobody', async (t) => {
    const figures = await traffic.during('scale-down', async () => {
      await traffic.kubectl('scale', 'wsc/chat', `--replicas=${GATEWAYS - 1}`);
      await traffic.settled();
      return { removed: 1 };
    });
    told(t, figures);
    assert.equal((await traffic.pods()).length, GATEWAYS - 1);
    assert.equal(figures.interrupted, 0);
  });

  test('a rollout, after which each is sent to its own gateway through the ingress', async (t) => {
    const figures = await traffic.during('rollout', async () => {
      await traffic.world.change(traffic.at, {
        replicas: GATEWAYS,
        placement: { mode: 'Redirect', podEndpoint: `ws://${door}/gateways/{ip}/ws` },
      });
      await traffic.settled();
      return { replaced: GATEWAYS };
    });
    told(t, figures);
    assert.equal(figures.interrupted, 0);
    assert.ok(figures.moves >= CLIENTS);
    assert.equal(await passedOn(), 0);
  });

  test('a reload cuts them all while a gateway is emptied, and they go on', async (t) => {
    const lost = throng.lost;
    const figures = await traffic.during('reload', async () => {
      await traffic.kubectl('scale', 'wsc/chat', `--replicas=${GATEWAYS - 1}`);
      await until(async () => ((await traffic.read()).status?.draining ?? []).length > 0, {
        for: 'one to be emptied',
        ...{ deadlineMs: 30_000, everyMs: 100 },
      });
      await ingress.reload('usual');
      await until(() => throng.lost - lost >= QUIET, {
        for: 'all to be cut off',
        ...{ deadlineMs: 30_000, everyMs: 100 },
      });
      await traffic.settled();
      return { reloaded: proxies.length };
    });
    told(t, figures);
    // But for those who were moved meanwhile, and came by what was reloaded.
    assert.ok(figures.interrupted > CLIENTS / 2, `${figures.interrupted} were cut off`);
    // Of those that come back, half reach another gateway than their own.
    assert.ok(figures.moves > CLIENTS / 4, `${figures.moves} were sent to their own gateway`);
  });

  test('a gateway more gets its share, of which each is sent there once', async (t) => {
    const before = await asked();
    const figures = await traffic.during('scale-up', async () => {
      await traffic.kubectl('scale', 'wsc/chat', `--replicas=${GATEWAYS}`);
      await traffic.settled();
      // Shards are its own at once; clients are asked some time after it.
      await until(async () => (await asked()) - before > CLIENTS / GATEWAYS / 2, {
        for: 'clients to be sent there',
        ...{ deadlineMs: 60_000, everyMs: 500 },
      });
      return { added: 1 };
    });
    told(t, figures);
    assert.deepEqual([figures.interrupted, figures.mostMovesOfOne], [0, 1]);
    assert.ok(figures.moves > CLIENTS / GATEWAYS / 2, `${figures.moves} were sent there`);
  });

  test('an ingress that cuts silence sooner than heartbeats come is lived with', async (t) => {
    const lost = throng.lost;
    const figures = await traffic.during('haste', async () => {
      await ingress.reload('hasty');
      await pause(HASTE_MS);
      await ingress.reload('usual');
      return { lost: throng.lost - lost };
    });
    told(t, figures);
    // Each with both reloads, and again and again between them.
    assert.ok(throng.lost - lost > QUIET * 4, `${throng.lost - lost} quiet ones were cut off`);
    assert.ok(figures.interrupted > CLIENTS * 2, `${figures.interrupted} were cut off`);
    const cut = await sum('wscluster_closes_total{code="1006"}');
    assert.ok(cut > figures.interrupted, `${cut} were cut off, as gateways count them`);
  });

  test('that all have one address slows nobody down', async () => {
    for (const by of ['connection', 'identity']) {
      assert.equal(await sum(`wscluster_rate_limited_total{by="${by}"}`), 0);
    }
    assert.equal(await sum('wscluster_http_rate_limited_total{by="address"}'), 0);
  });

  test('nothing was lost, nothing came twice', async () => {
    await lostNothing(traffic.crowd);
  });
});

/** The status with which a page of this origin is answered. */
function visit(door: string, origin: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(`ws://${door}/ws`, { origin, handshakeTimeout: 5_000 });
    socket.once('open', () => {
      socket.terminate();
      resolve(101);
    });
    socket.once('unexpected-response', (request, { statusCode }) => {
      request.destroy();
      resolve(statusCode ?? 0);
    });
    socket.once('error', reject);
  });
}
