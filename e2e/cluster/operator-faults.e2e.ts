import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { pickOne, seeded } from '../../protocol/testing/chance.ts';
import { pause, succeeds, until, within } from '../deadline.ts';
import type { Refusal } from './api-proxy.ts';
import { callsOf } from './audit-log.ts';
import { compact } from './etcd.ts';
import { Steps, steps } from './operator-steps.ts';
import { OperatorTeam } from './operator-team.ts';
import { OperatorWorld } from './operator-world.ts';
import { StandInPods } from './stand-in-pods.ts';
import { labOf, labOnly } from './target.ts';

const NAMESPACE = `faults-${process.pid}`;
const SYSTEM = `faults-system-${process.pid}`;
const REFUSALS: readonly Refusal[] = [
  { status: 429, retryAfterS: 1 },
  { status: 429 },
  { status: 500 },
  { status: 503, retryAfterS: 2 },
];
/** Of what the operator asks, but for its Lease. */
const REFUSED = 0.4;
/** Of each step. */
const REFUSED_LEAST = 15;
const CUT_EVERY_MS = 400;
const BURST_MS = 5_000;
const FROZEN_MS = 60_000;
/** Others wait for 15 s before they take a Lease; its last renewal may be 2 s old. */
const LEASE_MS = 12_000;
/** More than the pace of looking at gateways that are settled. */
const IDLE_MS = 20_000;

describe('an operator comes to the same end', labOnly, () => {
  let world: OperatorWorld;
  let pods: StandInPods;
  let team: OperatorTeam;
  let all: Steps;

  before(async () => {
    world = await OperatorWorld.start({ nodes: 0, namespaces: [NAMESPACE, SYSTEM] });
    await world.knowPodMonitors();
    pods = await StandInPods.start(world.target);
    const gatewayImage = 'example.com/gateway:0.1.0';
    const options = { namespace: SYSTEM, watch: NAMESPACE, gatewayImage };
    team = new OperatorTeam(world.target, world.hand, options);
    all = new Steps(world, NAMESPACE);
    await all.observe(team);
  });
  after(async () => {
    await team?.stop();
    await pods?.stop();
    await world?.stop();
  });

  test('through bursts of 429, 500 and 503, and watches that are cut all the time', async (t) => {
    const { proxy, operator } = await team.leader();
    const at = all.at('refused');
    const random = seeded(7);
    for (const step of steps) {
      const refused = proxy.counts.refused;
      proxy.before = ({ kind }) =>
        kind !== 'lease' && random() < REFUSED ? pickOne(REFUSALS, random) : 'pass';
      const cutting = setInterval(() => proxy.cutWatches(), CUT_EVERY_MS);
      await all.begin(at, step);
      const enough = until(() => proxy.counts.refused >= refused + REFUSED_LEAST, {
        for: () => `${proxy.counts.refused - refused} refusals of ${step} to be more`,
        deadlineMs: 60_000,
      });
      await Promise.all([enough, pause(BURST_MS)]).finally(() => clearInterval(cutting));
      proxy.before = () => 'pass';
      await all.settled(at, () => `after refusals of ${step}`);
      await all.same(at, step, `after refusals of ${step}`);
    }
    const { refused, cut } = proxy.counts;
    t.diagnostic(`${refused} calls refused, ${cut} watches cut`);
    const seen = await operator.metrics();
    for (const code of [429, 500, 503]) {
      assert.match(seen, new RegExp(`rest_client_requests_total{code="${code}"[^}]*} [1-9]`));
    }
    assert.ok(!operator.says('leading no more'));
  });

  test('when history was compacted away while it could not watch: 410', async (t) => {
    const lab = labOf(world.target, t, 'lose its history');
    if (lab === undefined) return;
    const at = all.at('compacted');
    await all.begin(at, 'create');
    await all.settled(at);
    const leader = await team.leader();
    // Whoever waits leads, where the API server is away for longer than a Lease lasts.
    const members = [leader, await team.standby()];
    const watches = (outcome: 'hold' | 'pass') => {
      for (const { proxy } of members) {
        proxy.before = ({ kind }) => (kind === 'watch' ? outcome : 'pass');
        proxy.cutWatches();
      }
    };
    // Held, not refused: who is refused often enough lists anew before.
    watches('hold');
    try {
      await world.target.kubectl('-n', NAMESPACE, 'delete', 'service,pdb', at.name);
      await all.begin(at, 'widen');
      const apiServer = lab.component('kube-apiserver');
      await apiServer.kill();
      await compact(lab.component('etcd').pid);
      await apiServer.start();
      await until(() => succeeds(world.read(at)), { for: 'an answer', deadlineMs: 60_000 });
      const missed = (await world.read(at)).status?.observedGeneration;
      assert.equal(missed, 1, 'it heard of the change after all');
    } finally {
      watches('pass');
    }
    await all.settled(at);
    await all.same(at, 'widen', 'after a compaction');
    if (members[1]?.operator.says('leading')) await team.swap();
    const anew = members
      .flatMap(({ operator }) => operator.said)
      .filter((line) => line.includes('listing anew'));
    assert.ok(
      anew.some((line) => /410|Expired/.test(line)),
      anew.join('\n') || 'nothing was listed',
    );
    t.diagnostic(`${anew.length} kinds were listed anew`);
  });

  test('when its leader dies, and another one waits for its Lease to run out', async (t) => {
    const at = all.at('orphaned');
    const killing = await team.killLeaderAt({ call: 5, when: 'before' });
    await all.begin(at, 'create');
    await within(killing.died, { for: 'its fifth write', deadlineMs: 60_000 });
    const began = performance.now();
    await team.succeed({ runsOut: true });
    const waited = Math.round(performance.now() - began);
    t.diagnostic(`killed at ${killing.bit}; the next one led after ${waited} ms`);
    assert.ok(waited > LEASE_MS, 'nobody waited for the Lease');
    await all.settled(at);
    await all.same(at, 'create', 'after its leader died');
  });

  test('when its leader is frozen for a minute, which writes nothing after the thaw', async (t) => {
    const at = all.at('frozen');
    const frozen = await team.leader();
    const next = await team.standby();
    const child = frozen.operator.process;
    // In the middle of its work.
    let writes = 0;
    frozen.proxy.before = ({ kind }) => {
      writes += kind === 'write' ? 1 : 0;
      if (kind === 'write' && writes === 3) child.kill('SIGSTOP');
      return 'pass';
    };
    await all.begin(at, 'create');
    await until(() => writes >= 3, { for: 'its third write', deadlineMs: 30_000 });
    const since = Date.now();
    const began = performance.now();
    await team.swap();
    const waited = Math.round(performance.now() - began);
    assert.ok(waited > LEASE_MS, `another one led after ${waited} ms`);
    for (const step of ['create', 'widen'] as const) {
      if (step !== 'create') await all.begin(at, step);
      await all.settled(at);
      await all.same(at, step, 'while its first operator was frozen');
    }
    await pause(Math.max(0, FROZEN_MS - (performance.now() - began)));
    const before = frozen.proxy.counts.write;
    child.kill('SIGCONT');
    await until(() => frozen.operator.says('leading no more'), {
      for: () => `it to know that it leads no more:\n${frozen.operator.lastWords()}`,
      deadlineMs: 20_000,
    });
    await all.begin(at, 'rollOut');
    await all.settled(at);
    await all.same(at, 'rollOut', 'after the thaw');
    await team.quiet(2_000);
    assert.equal(frozen.proxy.counts.write, before);
    t.diagnostic(`the next one led after ${waited} ms`);
    const lab = labOf(world.target, t, 'show its audit log');
    if (lab === undefined) return;
    const calls = await callsOf(lab, 'wscluster-operator/', since + 1_000);
    const by = (name: string) =>
      calls.filter(
        ({ userAgent, verb, objectRef }) =>
          userAgent?.endsWith(` ${name}`) &&
          objectRef?.resource !== 'leases' &&
          !['get', 'list', 'watch'].includes(verb),
      );
    assert.deepEqual(by(frozen.proxy.name), []);
    assert.ok(by(next.proxy.name).length > 10, 'the audit log tells them apart');
  });

  test('and is idle then: nothing is written or read', async () => {
    const { counts } = (await team.leader()).proxy;
    const before = { ...counts };
    await pause(IDLE_MS);
    assert.deepEqual([counts.write, counts.read], [before.write, before.read]);
  });
});
