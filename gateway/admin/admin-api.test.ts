import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { silentLogger } from '../logger.ts';
import { type AdminParts, createAdmin } from './admin-api.ts';

function parts(over: Partial<AdminParts> = {}): AdminParts {
  return {
    pod: 'pod-1',
    host: '127.0.0.1',
    checks: () => [{ name: 'started', ok: true }],
    metrics: async () => ({ text: 'a 1\n', type: 'text/plain; version=0.0.4' }),
    probe: async () => {},
    status: () => ({ pod: 'pod-1' }),
    commands: {
      ...{ tokens: () => undefined, ring: () => undefined, drain: () => undefined },
      counts: { command() {} },
    },
    clock: { wall: () => 1_700_000_000_000 },
    logger: silentLogger,
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

  it('answers every error with code, message, time and id', async () => {
    const refused = await get({}, '/nothing', { 'x-request-id': 'mine' });
    const at = 1_700_000_000_000;
    assert.equal(refused.statusCode, 404);
    assert.equal(refused.headers['x-request-id'], 'mine');
    const message = 'there is no such path';
    assert.deepEqual(refused.json(), { code: 'not_found', message, request: 'mine', at });
    const failing = () => {
      throw new Error('a mistake of ours');
    };
    for (const [url, over, status, code] of [
      ['/livez', { host: '127.0.0.1' }, 403, 'forbidden'],
      ['/%zz', {}, 400, 'bad_request'],
      ['/admin/status', { status: failing }, 500, 'internal'],
    ] as const) {
      const headers: Record<string, string> = status === 403 ? { host: 'evil.example' } : {};
      const answer = await get(over, url, headers);
      const { request } = answer.json();
      assert.match(request, /^pod-1-a[0-9a-z]+$/);
      assert.equal(answer.headers['x-request-id'], request);
      assert.deepEqual(
        [answer.statusCode, answer.json().code, answer.json().at],
        [status, code, at],
      );
    }
  });

  it('on loopback serves no other name, and no page of another origin', async () => {
    for (const headers of [{ host: 'evil.example' }, { origin: 'https://evil.example' }]) {
      for (const host of ['127.0.0.1', '::1', 'localhost', 'LOCALHOST']) {
        assert.equal((await get({ host }, '/admin/status', headers)).statusCode, 403, host);
      }
    }
    const pod = await get({ host: '0.0.0.0' }, '/readyz', { host: '10.0.0.7:9001' });
    assert.equal(pod.statusCode, 200);
  });
});
