import assert from 'node:assert/strict';
import { it } from 'node:test';
import { Registry } from 'prom-client';
import { conditionSeries } from './condition-series.ts';

const cluster = (name: string, conditions: Readonly<Record<string, string>>) => ({
  metadata: { namespace: 'team', name },
  status: { conditions: Object.entries(conditions).map(([type, status]) => ({ type, status })) },
});

it('conditions are told as they are, and no longer than there is their WsCluster', async () => {
  const registry = new Registry();
  let clusters = [
    cluster('chat', { Ready: 'True', Degraded: 'False', Draining: 'Unknown', Strange: 'True' }),
    cluster('games', { Ready: 'False' }),
  ];
  conditionSeries(registry, () => clusters);
  const told = async () =>
    (await registry.metrics()).split('\n').filter((line) => /^wscluster/.test(line));
  assert.deepEqual(await told(), [
    'wscluster_condition{wscluster="team/chat",type="Ready"} 1',
    'wscluster_condition{wscluster="team/chat",type="Degraded"} 0',
    'wscluster_condition{wscluster="team/games",type="Ready"} 0',
  ]);
  clusters = [];
  assert.deepEqual(await told(), []);
});
