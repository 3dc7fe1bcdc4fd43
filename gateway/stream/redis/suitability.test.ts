import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { readFacts, refusalOf, shortcomings } from './suitability.ts';

const info = (fields: Record<string, string>) =>
  Object.entries({
    redis_version: '7.0.15',
    cluster_enabled: '0',
    role: 'master',
    loading: '0',
    maxmemory_policy: 'noeviction',
    master_replid: 'a'.repeat(40),
    ...fields,
  })
    .map(([name, value]) => `${name}:${value}\r\n`)
    .join('');

describe('A server', () => {
  test('older than 6.2 or in cluster mode is refused, 6.2 and whatever is newer is not', () => {
    const refusal = (fields: Record<string, string>) => refusalOf(readFacts(info(fields)));
    for (const version of ['5.0.7', '6.0.16', '2.8']) {
      const text = `Redis ${version} is too old: at least 6.2 is needed`;
      assert.equal(refusal({ redis_version: version }), text);
    }
    for (const version of ['6.2.0', '7.0.15', '8.10.1', '10.0.0']) {
      assert.equal(refusal({ redis_version: version }), undefined);
    }
    assert.match(refusal({ cluster_enabled: '1' }) ?? '', /Redis Cluster/);
    assert.equal(refusalOf(readFacts('')), undefined);
  });

  test('that does not apply min-replicas-to-write to scripts is said so', () => {
    const said = (version: string) => shortcomings(readFacts(info({ redis_version: version })));
    for (const version of ['6.2.0', '6.2.6']) {
      const text = `Redis ${version} ignores min-replicas-to-write in scripts: use 6.2.7 or later`;
      assert.deepEqual(said(version), [text]);
    }
    for (const version of ['6.2.7', '6.2.16', '7.0.0', '8.0', '10.0.0']) {
      assert.deepEqual(said(version), []);
    }
  });

  test('that is loading or a replica is recognised', () => {
    const { loading, replica } = readFacts(info({ loading: '1', role: 'slave' }));
    assert.deepEqual([loading, replica], [true, true]);
  });

  test('that may drop messages, or hides what it does, is said so in words', () => {
    assert.deepEqual(shortcomings(readFacts(info({}))), []);
    const evicting = shortcomings(readFacts(info({ maxmemory_policy: 'volatile-ttl' })));
    assert.match(evicting.join(), /maxmemory-policy is volatile-ttl/);
    assert.match(shortcomings(readFacts('')).join(), /INFO memory is hidden.*INFO replication is/);
  });
});
