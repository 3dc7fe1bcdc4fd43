import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, beforeEach, describe, test } from 'node:test';
import { until } from '../deadline.ts';
import { attempt, type Outcome } from '../lab/command.ts';
import { clear, componentsOf, holderOf, stateOf } from '../lab/instances.ts';
import { Child } from '../processes/child.ts';
import { labName } from './target.ts';
import { changes, type Traces, tracesOfLabs } from './traces.ts';

const MAIN = join(import.meta.dirname, '..', 'lab', 'main.ts');
const COMMAND_MS = 180_000;
/** A boot that is interrupted there has all that could be left behind. */
const LATE_COMPONENT = 'kubelet-node-1';

const LAB = join(import.meta.dirname, '..', 'lab', 'lab.ts');
/** A program as a test file is one, which does not get to stop its lab. */
const BOUND = `const { startLab } = await import(process.argv[1]);
await startLab({ nodes: 1, name: process.argv[2], bound: true, say: console.log });
setInterval(() => undefined, 1000);`;

/** As `npm run lab -- …` does it. */
const command = (...args: readonly string[]): Promise<Outcome> =>
  attempt(process.execPath, [MAIN, ...args], { deadlineMs: COMMAND_MS });

describe('npm run lab', { skip: skipReason() }, () => {
  const name = labName();
  let untouched: Traces;

  const up = () => command('up', '--name', name);
  const down = () => command('down', '--name', name);
  const component = (wanted: string) =>
    componentsOf(name).find((each) => each.name === wanted && each.alive);
  const kill = (wanted: string) => {
    const found = component(wanted);
    assert.ok(found !== undefined, wanted);
    process.kill(found.pid, 'SIGKILL');
  };
  const nothingIsLeft = async () => {
    const outcome = await down();
    assert.equal(outcome.code, 0, outcome.stderr);
    assert.deepEqual(changes(untouched, await tracesOfLabs()), []);
  };

  before(async () => {
    untouched = await tracesOfLabs();
  });

  beforeEach(() => clear(name));

  after(() => clear(name));

  test('gives a cluster, says so again, and takes it away', async () => {
    const first = await up();
    assert.equal(first.code, 0, first.stderr);
    const kubeconfig = /export KUBECONFIG=(\S+)/.exec(first.stdout)?.[1];
    const programs = /export PATH=(\S+?):/.exec(first.stdout)?.[1];
    assert.ok(kubeconfig !== undefined && programs !== undefined);
    const options = { env: { KUBECONFIG: kubeconfig } };
    const nodes = await attempt(join(programs, 'kubectl'), ['get', 'nodes'], options);
    assert.match(nodes.stdout, /node-1\s+Ready/);
    for (const [helm, version] of [
      ['helm3', /^v3\./],
      ['helm4', /^v4\./],
    ] as const) {
      const said = await attempt(join(programs, helm), ['version', '--short'], options);
      assert.match(said.stdout, version, said.stderr);
      const list = await attempt(join(programs, helm), ['list', '--all-namespaces'], options);
      assert.equal(list.code, 0, list.stderr);
    }
    assert.match((await up()).stdout, /runs already/);
    assert.equal((await command('up', '--name', name, '--nodes', '2')).code, 1);
    const status = await command('status', '--name', name);
    assert.equal(status.code, 0);
    assert.match(status.stdout, /kube-apiserver\s+process \d+/);
    assert.notDeepEqual(changes(untouched, await tracesOfLabs()), []);
    await nothingIsLeft();
    assert.equal((await command('status', '--name', name)).code, 1);
    assert.match((await down()).stdout, /No lab ran/);
  });

  test('whose starter was killed leaves nothing after down', async () => {
    await interruptBoot(name);
    await nothingIsLeft();
  });

  test('starts anew after its starter was killed', async () => {
    await interruptBoot(name);
    const again = await up();
    assert.equal(again.code, 0, again.stderr);
    await nothingIsLeft();
  });

  test('leaves nothing of a lab whose process was killed', async () => {
    const program = new Child({
      command: process.execPath,
      args: ['--input-type=module', '--eval', BOUND, LAB, name],
    });
    await until(
      () => {
        assert.equal(program.exit, undefined, program.output);
        return stateOf(name) === 'running';
      },
      { for: () => `a lab: ${program.output}`, deadlineMs: COMMAND_MS },
    );
    await program.end('SIGKILL');
    await until(() => stateOf(name) === 'dead', { for: 'the lab to die with its process' });
    await nothingIsLeft();
  });

  test('leaves nothing when its start is interrupted', async () => {
    const starter = await bootingLab(name);
    assert.equal((await starter.end('SIGINT', 60_000)).code, 130, starter.output);
    assert.equal(stateOf(name), 'absent');
    assert.deepEqual(changes(untouched, await tracesOfLabs()), []);
  });

  for (const victim of ['containerd-node-1', 'kubelet-node-1', 'etcd', 'kube-apiserver']) {
    test(`leaves nothing after its ${victim} was killed`, async () => {
      assert.equal((await up()).code, 0);
      kill(victim);
      await nothingIsLeft();
    });
  }

  test('starts anew after a component was killed, and after all of it was', async () => {
    assert.equal((await up()).code, 0);
    kill('containerd-node-1');
    const second = await up();
    assert.match(second.stdout, /containerd-node-1 ended: it is started anew/, second.stderr);
    assert.equal(second.code, 0);
    const holder = holderOf(name)?.pid ?? Number.NaN;
    process.kill(holder, 'SIGKILL');
    await until(() => stateOf(name) === 'dead', { for: 'the lab to die with its holder' });
    const third = await up();
    assert.equal(third.code, 0, third.stderr);
    await nothingIsLeft();
  });
});

async function interruptBoot(name: string): Promise<void> {
  const starter = await bootingLab(name);
  await starter.end('SIGKILL');
  assert.equal(stateOf(name), 'dead');
}

/** Its starter, when it has come as far as it may and not to the end. */
async function bootingLab(name: string): Promise<Child> {
  const starter = new Child({ command: process.execPath, args: [MAIN, 'up', '--name', name] });
  await until(
    () => {
      assert.equal(starter.exit, undefined, starter.output);
      if (stateOf(name) !== 'booting') return false;
      return componentsOf(name).some(({ name: each, alive }) => each === LATE_COMPONENT && alive);
    },
    { for: 'the boot to have begun a kubelet', deadlineMs: COMMAND_MS },
  );
  return starter;
}

function skipReason(): string | false {
  return process.env['E2E_KUBECONFIG'] === undefined
    ? false
    : 'E2E_KUBECONFIG: no lab is started on this machine';
}
