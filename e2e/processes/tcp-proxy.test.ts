import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Redis, type RedisOptions } from 'ioredis';
import { pause, until, within } from '../deadline.ts';
import { type RedisServer, startRedis } from './redis-server.ts';
import { TcpProxy } from './tcp-proxy.ts';

const once: RedisOptions = {
  retryStrategy: () => null,
  autoResendUnfulfilledCommands: false,
  maxRetriesPerRequest: 0,
};

describe('a proxy that breaks connections', () => {
  let server: RedisServer;
  let proxy: TcpProxy;
  let direct: Redis;

  before(async () => {
    server = await startRedis();
    proxy = await TcpProxy.open(server.port);
    direct = new Redis(server.url);
  });

  after(async () => {
    direct.disconnect();
    await proxy.close();
    await server.stop();
  });

  function through(): Redis {
    const redis = new Redis(proxy.port, '127.0.0.1', once);
    redis.on('error', () => {});
    return redis;
  }

  it('passes everything on', async () => {
    const redis = through();
    const large = 'x'.repeat(1_000_000);
    await redis.set('large', large);
    assert.equal(await redis.get('large'), large);
    redis.disconnect();
  });

  it('loses the reply to a write that happened', async () => {
    const redis = through();
    await redis.ping();
    proxy.loseReply('incr', { times: 1 });
    await assert.rejects(redis.incr('n'));
    assert.equal(await direct.get('n'), '1');
    assert.equal(proxy.counts.repliesLost, 1);
    proxy.pass();
  });

  it('cuts a reply in the middle', async () => {
    const redis = through();
    await direct.set('long', 'x'.repeat(1_000));
    proxy.loseReply('get', { times: 1, bytes: 500 });
    await assert.rejects(redis.get('long'));
    proxy.pass();
  });

  it('swallows what is sent and keeps the connection', async () => {
    const redis = through();
    await redis.ping();
    proxy.swallow();
    const lost = redis.set('never', '1');
    await assert.rejects(within(lost, { for: 'an answer', deadlineMs: 100 }), /not within/);
    proxy.pass();
    await assert.rejects(lost);
    assert.equal(await direct.get('never'), null);
    assert.ok(proxy.counts.swallowedBytes > 0);
  });

  it('keeps the order of what it delays when it delays no longer', async () => {
    const redis = through();
    await redis.ping();
    proxy.delay(100);
    const late = redis.echo('late');
    // On its way by then, or there is nothing to overtake.
    await pause(30);
    proxy.delay(0);
    const texts = await Promise.all([late, redis.echo('early')]);
    assert.deepEqual(texts, ['late', 'early']);
    redis.disconnect();
  });

  it('holds answers, also those on their way, and no request', async () => {
    const redis = through();
    await redis.ping();
    proxy.delay(100);
    const first = redis.set('held', '1');
    await until(async () => (await direct.get('held')) === '1', { for: 'the first to be heard' });
    const begin = performance.now();
    proxy.holdAnswers(400);
    proxy.delay(0);
    const second = redis.set('held', '2');
    const answered = Promise.race([first, second]).then(() => performance.now() - begin);
    await until(async () => (await direct.get('held')) === '2', { for: 'the second to be heard' });
    const soonest = await answered;
    assert.ok(soonest >= 390, `${soonest} ms`);
    assert.deepEqual(await Promise.all([first, second]), ['OK', 'OK']);
    assert.equal(await redis.ping(), 'PONG');
    redis.disconnect();
  });

  it('refuses those that begin in one way, and nobody else', async () => {
    const named = (name: string) => {
      const redis = new Redis(proxy.port, '127.0.0.1', { ...once, connectionName: name });
      redis.on('error', () => {});
      return redis;
    };
    const [old, other] = [named('pod-ring'), named('pod-publish')];
    await Promise.all([old.ping(), other.ping()]);
    proxy.refuseThose('pod-ring');
    const late = named('pod-ring');
    await Promise.all([assert.rejects(old.ping()), assert.rejects(late.ping())]);
    await other.ping();
    proxy.pass();
    const again = named('pod-ring');
    await again.ping();
    for (const redis of [other, again]) redis.disconnect();
  });

  it('refuses and lets in again', async () => {
    proxy.refuse();
    const refused = through();
    await assert.rejects(refused.ping());
    refused.disconnect();
    proxy.pass();
    const redis = through();
    assert.equal(await redis.ping(), 'PONG');
    redis.disconnect();
  });

  it('delays in order', async () => {
    proxy.delay(50);
    const redis = through();
    const begin = performance.now();
    const answers = await Promise.all([redis.incr('d'), redis.incr('d'), redis.incr('d')]);
    assert.deepEqual(answers, [1, 2, 3]);
    assert.ok(performance.now() - begin >= 90);
    proxy.delay(0);
    redis.disconnect();
  });
});
