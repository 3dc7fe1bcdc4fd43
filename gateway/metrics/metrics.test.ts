import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { errorCodes } from '../../protocol/codes.ts';
import { Metrics } from './metrics.ts';

const samples = async (metrics: Metrics) => {
  const { text } = await metrics.exposition();
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(lines.map((line) => line.split(/ (?=[^ ]+$)/) as [string, string]));
};

describe('metrics', () => {
  it('are all there from the start, every value of every label, at zero', async () => {
    const all = await samples(new Metrics());
    assert.ok(all.size > 200, String(all.size));
    for (const [name, value] of all) {
      if (/process_|event_loop_/.test(name)) continue;
      assert.equal(value, '0', name);
    }
    for (const code of Object.keys(errorCodes)) {
      assert.ok(all.has(`wscluster_errors_total{code="${code}"}`), code);
    }
  });

  it('count what the parts say, and keep values that are not known out of labels', async () => {
    const metrics = new Metrics();
    metrics.hub.delivered(3, 10);
    metrics.hub.gap('trimmed', 4);
    metrics.stream.published('unknown');
    metrics.edge.state(undefined, 'opening');
    metrics.edge.state('opening', 'open');
    metrics.edge.health(undefined, 'fast');
    metrics.edge.health('fast', 'zombie');
    metrics.edge.closed(4000);
    metrics.edge.closed(3777);
    metrics.edge.received('pub');
    metrics.edge.received('something else');
    metrics.edge.roundTrip(30);
    metrics.http.answered('publish', 503, 0.2);
    metrics.auth.authenticated('token', 'token_expired');
    metrics.ring.document('other_cluster');
    metrics.ring.conflict();
    metrics.ring.offered('fenced');
    const all = await samples(metrics);
    const expected: Record<string, string> = {
      wscluster_messages_delivered_total: '30',
      'wscluster_gaps_total{reason="trimmed"}': '4',
      'wscluster_publishes_total{outcome="unknown"}': '1',
      'wscluster_connections{state="open"}': '1',
      'wscluster_connections{state="opening"}': '0',
      'wscluster_connection_transitions_total{from="opening",to="open"}': '1',
      'wscluster_connections_health{health="zombie"}': '1',
      'wscluster_connections_health{health="fast"}': '0',
      'wscluster_closes_total{code="4000"}': '1',
      'wscluster_closes_total{code="other"}': '1',
      'wscluster_commands_total{command="pub"}': '1',
      'wscluster_commands_total{command="other"}': '1',
      wscluster_round_trip_seconds_count: '1',
      'wscluster_http_requests_total{route="publish",status="5xx"}': '1',
      'wscluster_authentications_total{by="token",outcome="token_expired"}': '1',
      'wscluster_ring_documents_total{outcome="other_cluster"}': '1',
      wscluster_ring_conflicts_total: '1',
      'wscluster_ring_offers_total{outcome="fenced"}': '1',
    };
    for (const [name, value] of Object.entries(expected)) assert.equal(all.get(name), value, name);
  });

  it('read gauges from the gateway when asked, and nothing after it stopped', async () => {
    const metrics = new Metrics();
    const resumes = { complete: 0, broken: 0 };
    metrics.observe({
      hub: () => ({ topics: 2, subscriptions: 5, outlets: 4, slow: 1, recentBytes: 99, resumes }),
      ready: () => true,
      draining: () => false,
      cutOff: () => false,
      proxied: () => ({ proxied: 8, inTransit: 70_000 }),
      connected: () => true,
      unsuitable: () => 3,
      ring: () => ({ generation: 4, counter: 2, members: 3, owned: 5_461, writes: true }),
    });
    const all = await samples(metrics);
    assert.equal(all.get('wscluster_topics'), '2');
    assert.equal(all.get('wscluster_subscriptions'), '5');
    assert.equal(all.get('wscluster_ready'), '1');
    assert.equal(all.get('wscluster_redis_unsuitable'), '3');
    assert.equal(all.get('wscluster_ring_shards_owned'), '5461');
    assert.equal(all.get('wscluster_ring_lease_held'), '1');
    assert.equal(all.get('wscluster_proxied_connections'), '8');
    assert.equal(all.get('wscluster_proxied_bytes_in_transit'), '70000');
    assert.ok(Number(all.get('wscluster_process_resident_bytes')) > 1e6);
    metrics.stop();
    assert.equal((await samples(metrics)).get('wscluster_topics'), '0');
  });

  it('belong to one gateway each', async () => {
    const [one, other] = [new Metrics(), new Metrics()];
    one.hub.slow();
    assert.equal((await samples(one)).get('wscluster_slow_total'), '1');
    assert.equal((await samples(other)).get('wscluster_slow_total'), '0');
  });
});
