import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type AdminParts, createAdmin } from './admin-api.ts';

function parts(over: Partial<AdminParts> = {}): AdminParts {
  return {
    pod: 'pod-1',
    host: '127.0.0.1',
    checks: () => [{ name: 'started', ok: true }],
    metrics: async () => ({ text: 'a 1\n', type: 'text/plain; version=0.0.4' }),
    probe: async () => {},
    status: () => ({ pod: 'pod-1' }),
    ...over,
  };
}

const get = (over: Partial<AdminParts>, url: string, headers: Record<string, string> = {}) =>
  createAdmin(parts(over)).inject({ url, headers: { host: '127.0.0.1:9001', ...headers } });

describe('the admin port', () => {
  it('is alive while it answers', async () => {
    const answer = await get({ checks: () => [{ name: 'started', ok: false }] }, '/livez');
    assert.equal(answer.statusCode, 200);
  });

  it('is ready when every check is good, and names them', async () => {
    const good = await get({}, '/readyz');
    assert.equal(good.statusCode, 200);
    assert.deepEqual(good.json(), { ready: true, checks: [{ name: 'started', ok: true }] });
    const checks = [
      { name: 'started', ok: true },
      { name: 'draining', ok: false, detail: 'leaving' },
    ];
    const bad = await get({ checks: () => checks }, '/readyz');
    assert.equal(bad.statusCode, 503);
    assert.deepEqual(bad.json(), { ready: false, checks });
  });

  it('serves metrics as their type', async () => {
    const answer = await get({}, '/metrics');
    assert.equal(answer.headers['content-type'], 'text/plain; version=0.0.4');
    assert.equal(answer.body, 'a 1\n');
  });

  it('tells a peer whether Redis is reached, and who says so', async () => {
    const yes = await get({}, '/peer/redis');
    assert.deepEqual([yes.statusCode, yes.headers['x-wscluster-pod']], [200, 'pod-1']);
    const no = await get({ probe: () => Promise.reject(new Error('cut off')) }, '/peer/redis');
    assert.equal(no.statusCode, 503);
  });

  it('shows its status to people', async () => {
    assert.deepEqual((await get({}, '/admin/status')).json(), { pod: 'pod-1' });
  });

  it('on loopback serves no other name, and no page of another origin', async () => {
    for (const headers of [{ host: 'evil.example' }, { origin: 'https://evil.example' }]) {
      assert.equal((await get({}, '/admin/status', headers)).statusCode, 403);
    }
    const pod = await get({ host: '0.0.0.0' }, '/readyz', { host: '10.0.0.7:9001' });
    assert.equal(pod.statusCode, 200);
  });
});
