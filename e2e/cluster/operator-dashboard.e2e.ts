import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { ruleGroups } from '../../scripts/observability/rules.ts';
import { onPath } from '../../scripts/testing/needs.ts';
import { until } from '../deadline.ts';
import { haveData } from '../processes/dashboard-data.ts';
import { Prometheus } from '../processes/prometheus.ts';
import { OperatorProcess } from './operator-process.ts';
import { OperatorWorld } from './operator-world.ts';
import { labOnly } from './target.ts';

const HOME = `dashboard-${process.pid}`;
const SYSTEM = `dashboard-system-${process.pid}`;
const CHAT = { namespace: HOME, name: 'chat' };
/** Two, as the chart has them. */
const IDENTITIES = ['first', 'second'];
const CHANGE_MS = 500;
const TOLD_MS = 30_000;

const skip = onPath('prometheus') ? labOnly.skip : 'no prometheus';

describe('a Prometheus that reads two operators', { skip }, () => {
  let world: OperatorWorld;
  let operators: readonly OperatorProcess[] = [];
  let prometheus: Prometheus;

  before(async () => {
    world = await OperatorWorld.start({ nodes: 0, namespaces: [HOME, SYSTEM] });
    const options = { namespace: SYSTEM, watch: HOME, gatewayImage: 'example.com/gateway:0.1.0' };
    for (const identity of IDENTITIES) {
      const leads = operators.length === 0;
      const operator = await OperatorProcess.start(world.target, { ...options, identity, leads });
      operators = [...operators, operator];
    }
    prometheus = await Prometheus.start({
      targets: operators.map(({ address }, index) => ({
        ...{ address, job: `${SYSTEM}/wscluster-operator`, namespace: SYSTEM },
        pod: IDENTITIES[index] ?? '',
      })),
      groups: ruleGroups('docs/operations.md'),
    });
    await world.create(CHAT);
  });
  after(async () => {
    for (const operator of operators) await operator.kill();
    await prometheus?.stop();
    await world?.stop();
  });

  const absent = () => prometheus.alerts('WsClusterOperatorAbsent');

  test('has data for every panel about the operator', async () => {
    let replicas = 1;
    let changes = Promise.resolve();
    const change = () => {
      replicas = 3 - replicas;
      changes = changes.then(() => world.change(CHAT, { replicas }));
      // What it fails with is told below.
      changes.catch(() => undefined);
    };
    const timer = setInterval(change, CHANGE_MS);
    try {
      assert.ok((await haveData(prometheus, 'operator')) > 10);
    } finally {
      clearInterval(timer);
    }
    await changes;
    const [leading] = await prometheus.query(
      'sum(leader_election_master_status{name="wscluster-operator"})',
    );
    assert.equal(leading?.value, 1);
  });

  test('is about to tell that a WsCluster without gateways is not available', async () => {
    const [alert] = await until(
      async () => {
        const found = await prometheus.alerts('WsClusterUnavailable');
        return found.length > 0 && found;
      },
      { for: 'the alert to become pending', deadlineMs: TOLD_MS },
    );
    assert.equal(alert?.labels['wscluster'], `${HOME}/${CHAT.name}`);
  });

  test('is about to tell when no operator is left, and not before', async () => {
    assert.deepEqual(await absent(), []);
    for (const operator of operators) await operator.kill();
    const [alert] = await until(
      async () => {
        const found = await absent();
        return found.length > 0 && found;
      },
      { for: 'the alert to become pending', deadlineMs: TOLD_MS },
    );
    assert.equal(alert?.annotations['summary'], 'No operator of WsCluster works.');
  });
});
