import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { topics } from '../../embedded/page/messages.ts';
import { until } from '../deadline.ts';
import { redisBinary, startRedis } from '../processes/redis-server.ts';
import { Browser, chromiumProblem } from './chromium.ts';
import { Demo } from './demo.ts';
import { Embedded } from './embedded.ts';

const CLIENTS = 12;
/** About two seconds of the demo's own traffic. */
const SOME = 1_000;

describe('the page of embedded mode in Chromium', { skip: chromiumProblem() }, () => {
  let embedded: Embedded;
  let browser: Browser;
  let demo: Demo;

  before(async () => {
    browser = await Browser.open({ motion: false });
    demo = new Demo(browser);
  });
  after(() => browser.close());
  // Each test has gateways, clients and counters of its own: what breaks in one stays there.
  beforeEach(async () => {
    embedded = await Embedded.start();
    await embedded.owned(3);
    browser.errors.splice(0);
    await demo.open(embedded.url);
  });
  afterEach(async () => {
    await browser.context.setOffline(false);
    await browser.page.goto('about:blank');
    await embedded.stop();
  });

  async function clientsOf(gateway: number): Promise<number> {
    const { gateways } = await embedded.fleet();
    return gateways.find(({ id }) => id === gateway)?.connections ?? 0;
  }

  /** The gateway with the most clients, when each is where it belongs. */
  async function fullest() {
    await demo.home(CLIENTS);
    const { gateways } = await embedded.fleet();
    const [first] = gateways.toSorted((a, b) => b.connections - a.connections);
    if (first === undefined) throw new Error('there is no gateway');
    return { id: first.id, name: first.name, clients: first.connections };
  }

  const allClients = async () => {
    const { gateways } = await embedded.fleet();
    return gateways.reduce((sum, { connections }) => sum + connections, 0);
  };

  async function assertNothingMissed(): Promise<void> {
    await demo.deliveredMore(SOME);
    const names = ['lost', 'duplicated', 'gaps'] as const;
    const counts = await Promise.all(names.map((name) => demo.counter(name)));
    assert.deepEqual(counts, [0, 0, 0], (await demo.journal()).join('\n'));
  }

  it('connects its clients, each to the gateway that owns it, and delivers', async () => {
    for (const gateway of [1, 2, 3]) assert.equal(await demo.condition(gateway), 'running');
    await demo.home(CLIENTS);
    assert.equal(await demo.counter('reconnects'), 0);
    await assertNothingMissed();
    assert.equal(await browser.page.locator('#dots .dot').count(), CLIENTS);
    assert.deepEqual(browser.errors, []);
  });

  it('loses and repeats nothing when a gateway is killed', async () => {
    const { id, clients } = await fullest();
    await demo.act(id, 'kill');
    await demo.happened(new RegExp(`^${clients} clients reconnected; all are connected again`));
    assert.equal(await demo.condition(id), 'killed');
    await assertNothingMissed();
    assert.equal(await demo.counter('reconnects'), clients);
  });

  it('notices a frozen gateway by its silence, and misses nothing', async () => {
    const { id, name, clients } = await fullest();
    await demo.act(id, 'freeze');
    await demo.happened(new RegExp(`^Ring .*${name} is out`));
    await demo.happened(new RegExp(`^${clients} clients reconnected`));
    await assertNothingMissed();
    await demo.act(id, 'thaw');
    await demo.happened(new RegExp(`^Ring .*${name} is in`));
    assert.equal(await demo.condition(id), 'running');
    await assertNothingMissed();
  });

  it('gives clients to a gateway that was started', async () => {
    await demo.press('start-gateway');
    await demo.happened(/^Ring .*gateway-4 is in/);
    await demo.press('more-clients');
    await demo.happened(/6 more clients joined/);
    await demo.home(CLIENTS + 6);
    await assertNothingMissed();
    assert.equal(await demo.counter('reconnects'), 0);
  });

  it('delivers a burst to everybody', async () => {
    const before = await demo.counter('delivered');
    await demo.press('burst');
    await demo.happened(/^300 messages acknowledged/);
    const all = before + 300 * CLIENTS;
    await until(async () => (await demo.counter('delivered')) > all, {
      for: 'the burst to reach everybody',
      deadlineMs: 30_000,
    });
    await assertNothingMissed();
  });

  it('comes back from being offline', async () => {
    const { id, clients } = await fullest();
    await browser.context.setOffline(true);
    // Chromium leaves open what is open when it goes offline: these connections are cut for sure,
    // and cannot come back.
    await fetch(`${embedded.url}api/gateways/${id}/kill`, {
      method: 'POST',
      headers: { origin: embedded.url.slice(0, -1) },
    });
    await until(async () => (await allClients()) <= CLIENTS - clients, {
      for: 'clients to be cut',
      deadlineMs: 10_000,
    });
    await browser.context.setOffline(false);
    await until(async () => (await allClients()) === CLIENTS, {
      for: 'all clients to be back',
      deadlineMs: 30_000,
    });
    await assertNothingMissed();
  });

  it('shows the truth after a reload', async () => {
    await demo.act(2, 'kill');
    await demo.press('start-gateway');
    await demo.happened(/gateway-4 was started/);
    await demo.deliveredMore(SOME);
    const delivered = await demo.counter('delivered');
    const first = await demo.reload('delivered');
    assert.ok(first >= delivered, `${first} at first, ${delivered} before`);
    assert.equal(await demo.condition(2), 'killed');
    assert.equal(await demo.condition(4), 'running');
    await demo.act(2, 'revive');
    await demo.happened(/gateway-2 was started again/);
    await assertNothingMissed();
  });

  it('misses nothing when all gateways die', async () => {
    for (const gateway of [1, 2, 3]) await demo.act(gateway, 'kill');
    await until(async () => (await allClients()) === 0, {
      for: 'all connections to end',
      deadlineMs: 10_000,
    });
    await demo.act(3, 'revive');
    await demo.happened(new RegExp(`^${CLIENTS} clients reconnected; all are connected again`));
    assert.equal(await clientsOf(3), CLIENTS);
    await assertNothingMissed();
  });

  it('would show what is lost or comes twice: its counters count', async () => {
    for (const n of [1, 1, 4]) {
      const data = { from: 'stranger', page: 'elsewhere', n, sent: 0 };
      const response = await fetch(`http://127.0.0.1:${embedded.port + 3}/v1/publish`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ topic: topics.burst, data }),
      });
      assert.equal(response.status, 200);
    }
    await demo.deliveredMore(SOME);
    assert.equal(await demo.counter('duplicated'), CLIENTS);
    assert.equal(await demo.counter('lost'), 2 * CLIENTS);
  });

  it('leaves an idle process behind when it is closed', async () => {
    await browser.page.goto('about:blank');
    await until(async () => (await allClients()) === 0, {
      for: 'all connections to end',
      deadlineMs: 10_000,
    });
    const busy = await cpuSeconds(embedded.child.pid, 2_000);
    assert.ok(busy < 0.2, `${busy} s of CPU in 2 s`);
  });
});

describe('the page on a real Redis', { skip: chromiumProblem() || redisProblem() }, () => {
  const closing: (() => Promise<void>)[] = [];
  after(async () => {
    for (const close of closing.toReversed()) await close();
  });

  it('loses and repeats nothing when gateways are killed and started again', async () => {
    const redis = await startRedis();
    closing.push(() => redis.stop());
    const embedded = await Embedded.start(['--redis', redis.url]);
    closing.push(() => embedded.stop());
    const browser = await Browser.open();
    closing.push(() => browser.close());
    const demo = new Demo(browser);
    await demo.open(embedded.url);
    for (const gateway of [1, 2, 3]) {
      await demo.press('burst');
      await demo.act(gateway, 'kill');
      await demo.happened(new RegExp(`gateway-${gateway} was killed`));
      await demo.deliveredMore(SOME);
      await demo.act(gateway, 'revive');
      await demo.happened(new RegExp(`gateway-${gateway} was started again`));
    }
    await demo.deliveredMore(SOME);
    const names = ['lost', 'duplicated', 'gaps'] as const;
    const counts = await Promise.all(names.map((name) => demo.counter(name)));
    assert.deepEqual(counts, [0, 0, 0], (await demo.journal()).join('\n'));
    assert.ok((await demo.counter('reconnects')) > 0);
  });
});

function redisProblem(): string | false {
  return existsSync(redisBinary()) ? false : `no Redis at ${redisBinary()}`;
}

/** CPU time of a process within an interval, in seconds. */
async function cpuSeconds(pid: number, intervalMs: number): Promise<number> {
  const ticks = () => {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
    return Number(fields[11]) + Number(fields[12]);
  };
  const before = ticks();
  const end = performance.now() + intervalMs;
  await until(() => performance.now() >= end, { for: 'time', deadlineMs: intervalMs + 1_000 });
  return (ticks() - before) / 100;
}
