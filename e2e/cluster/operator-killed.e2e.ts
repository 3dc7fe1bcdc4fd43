import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { COMMAND_KEY_SECRET } from '../../operator/command-key-secret.ts';
import { pause, until } from '../deadline.ts';
import { type ClusterName, remains } from './cluster-state.ts';
import { type Step, Steps, steps } from './operator-steps.ts';
import { type Member, OperatorTeam } from './operator-team.ts';
import { OperatorWorld } from './operator-world.ts';
import { StandInPods } from './stand-in-pods.ts';
import { labOnly } from './target.ts';

/** Before or after its n-th write reached the API server. A read changes nothing. */
type When = 'before' | 'after';
const WHENS: readonly When[] = ['before', 'after'];
/** Nobody makes so many. */
const NEVER = Number.POSITIVE_INFINITY;
/** Whoever has not made its n-th write by then will not. */
const QUIET_MS = 700;
/** After all of it nothing is to be written for so long: twice the pace of looking at gateways. */
const IDLE_MS = 35_000;

const namespaceOf = (when: When) => `killed-${when}-${process.pid}`;
const systemOf = (when: When) => `system-${when}-${process.pid}`;

interface Lane {
  readonly team: OperatorTeam;
  readonly steps: Steps;
}

describe('an operator that is killed at any of its calls', labOnly, () => {
  let world: OperatorWorld;
  let pods: StandInPods;
  const lanes = new Map<When, Lane>();
  const kills: Record<Step, number> = { create: 0, widen: 0, rollOut: 0 };

  const laneOf = (when: When) => lanes.get(when) ?? assert.fail();
  const leaders = (): Promise<Member[]> =>
    Promise.all([...lanes.values()].map(({ team }) => team.leader()));

  before(async () => {
    const namespaces = WHENS.flatMap((when) => [namespaceOf(when), systemOf(when)]);
    world = await OperatorWorld.start({ nodes: 0, namespaces });
    await world.knowPodMonitors();
    pods = await StandInPods.start(world.target);
    for (const when of WHENS) {
      const gatewayImage = 'example.com/gateway:0.1.0';
      const options = { namespace: systemOf(when), watch: namespaceOf(when), gatewayImage };
      const team = new OperatorTeam(world.target, world.hand, options);
      lanes.set(when, { team, steps: new Steps(world, namespaceOf(when)) });
    }
    await Promise.all([...lanes.values()].map(({ team }) => team.standby()));
  });
  after(async () => {
    await Promise.all([...lanes.values()].map(({ team }) => team.stop()));
    await pods?.stop();
    await world?.stop();
  });

  /** One step, with a death in it; whether the operator lived to make so many calls. */
  async function disturbed(at: ClusterName, step: Step, death: Death): Promise<boolean> {
    const { team, steps: lane } = laneOf(death.when);
    const had = step === 'create' ? [] : await lane.pods(at);
    const killing = await team.killLeaderAt(death);
    const why = () => `killed ${death.when} call ${death.call} of ${step}: ${killing.bit}`;
    await lane.begin(at, step);
    const lived = lane.settled(at, why).then(() => team.quiet(QUIET_MS));
    await Promise.race([killing.died, lived]);
    if (killing.bit === undefined) await team.spareLeader();
    else {
      lived.catch(() => undefined);
      await killing.died;
      await team.succeed();
      kills[step] += 1;
      await lane.settled(at, why);
    }
    await lane.same(at, step, why());
    const has = new Set(await lane.pods(at));
    const kept = had.filter((uid) => has.has(uid)).length;
    assert.equal(kept, step === 'rollOut' ? 0 : had.length, `pods of ${at.name}, ${why()}`);
    return killing.bit !== undefined;
  }

  test('undisturbed, each step comes to its end', async (t) => {
    const all = [...lanes.values()].map(async ({ team, steps: lane }) => {
      t.diagnostic(`writes: ${JSON.stringify(await lane.observe(team))}`);
    });
    await Promise.all(all);
  });

  test('before or after each call, another one comes to the same', async (t) => {
    const walk = async (when: When) => {
      const biting = new Set<Step>(steps);
      for (let call = 1; biting.size > 0; call += 1) {
        const at = laneOf(when).steps.at(`dies-at-${call}`);
        for (const step of steps) {
          const death = { call: biting.has(step) ? call : NEVER, when };
          if (!(await disturbed(at, step, death))) biting.delete(step);
        }
      }
    };
    const walked = await Promise.allSettled(WHENS.map(walk));
    t.diagnostic(`killed ${JSON.stringify(kills)}`);
    for (const done of walked) if (done.status === 'rejected') throw done.reason;
    // Nine objects, the pause of the Deployment and a status; a ring, and statuses …
    assert.ok(kills.create >= 2 * 11, `${kills.create} of create`);
    assert.ok(kills.widen >= 2 * 5, `${kills.widen} of widen`);
    assert.ok(kills.rollOut >= 2 * 6, `${kills.rollOut} of rollOut`);
  });

  test('then nothing is written or read while nothing changes', async () => {
    const members = await leaders();
    const asked = () => members.map(({ proxy: { counts } }) => [counts.write, counts.read]);
    const before = asked();
    await pause(IDLE_MS);
    assert.deepEqual(asked(), before);
  });

  // It is made by who leads for the first time, before anything else.
  test('before or after it makes the Secret of its key, another one has one', async () => {
    for (const when of WHENS) {
      const { team, steps: lane } = laneOf(when);
      const system = ['-n', systemOf(when)] as const;
      await world.target.kubectl(...system, 'delete', 'secret', COMMAND_KEY_SECRET);
      const killing = team.killAt(await team.standby(), { call: 1, when });
      await team.succeed();
      await killing.died;
      assert.match(killing.bit ?? '', /^POST .*\/secrets$/);
      const made = await world.target.kubectl.attempt(
        ...system,
        'get',
        'secret',
        COMMAND_KEY_SECRET,
      );
      assert.equal(made.code === 0, when === 'after', made.stderr);
      await team.succeed();
      const at = lane.at('under-another-key');
      await lane.begin(at, 'create');
      await lane.settled(at);
      await team.quiet(QUIET_MS);
    }
  });

  test('a WsCluster goes without a call of any operator, also where none is', async () => {
    const members = await leaders();
    const writes = () => members.map(({ proxy }) => proxy.counts.write);
    const before = writes();
    // Here one is there, and there it dies at the first moment, and nobody follows.
    const alone = laneOf('after').team;
    await (await alone.standby()).operator.kill();
    await (await alone.leader()).operator.kill();
    const namespaces = WHENS.map(namespaceOf);
    for (const namespace of namespaces) {
      await world.target.kubectl('-n', namespace, 'delete', 'wsc', '--all', '--wait=false');
    }
    for (const namespace of namespaces) {
      let left: string[] = [];
      await until(
        async () => {
          left = await remains(world.hand.api, namespace);
          return left.length === 0;
        },
        { for: () => `all to go, not ${left.join()}`, deadlineMs: 120_000, everyMs: 500 },
      );
    }
    assert.deepEqual(writes(), before);
  });
});

interface Death {
  readonly call: number;
  readonly when: When;
}
