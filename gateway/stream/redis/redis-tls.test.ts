import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, describe, test } from 'node:test';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { freePort } from '../../../e2e/processes/free-port.ts';
import { type RedisServer, startRedis } from '../../../e2e/processes/redis-server.ts';
import { startSentinel, talk } from '../../../e2e/processes/sentinel.ts';
import { asArguments, makePair, tlsConfig, tlsProblem } from '../../../e2e/processes/tls.ts';
import { systemClock } from '../../../protocol/clock.ts';
import { gatewaySettings, type RedisSettings } from '../../settings/declaration.ts';
import { Gateway, streamSettings, WAIT_MS } from '../testing/log-world.ts';
import { RedisLog } from './redis-log.ts';

const folder = mkdtempSync(join(tmpdir(), 'wscluster-tls-'));
const ours = getCACertificates();
const UNTRUSTED = /self-signed certificate/;
const lacking = (await tlsProblem()) ?? false;
const pair = lacking === false ? makePair(folder) : { certificate: '', key: '' };
after(() => rmSync(folder, { recursive: true }));

const encrypted = (port: number): Promise<RedisServer> =>
  startRedis({ args: ['--save', '', '--appendonly', 'no', ...asArguments(tlsConfig(port, pair))] });

describe('Over TLS', { skip: lacking }, () => {
  const open: { stop(): Promise<unknown> }[] = [];

  afterEach(async () => {
    setDefaultCACertificates(ours);
    while (open.length > 0) await open.pop()?.stop();
  });

  const trusted = () => setDefaultCACertificates([...ours, readFileSync(pair.certificate, 'utf8')]);

  let outages: string[] = [];

  function gateway(redis: Partial<RedisSettings>): Gateway {
    outages = [];
    const onOutage = (connection: string, reason: string) =>
      void outages.push(`${connection}: ${reason}`);
    const settings = gatewaySettings.parse({ redis }).redis;
    const parts = { clock: systemClock, random: Math.random };
    const log = new RedisLog({
      ...{ redis: settings, stream: streamSettings(), pod: 'a', onOutage },
      ...parts,
    });
    open.push({ stop: () => log.stop() });
    return new Gateway(log);
  }

  async function works(one: Gateway): Promise<void> {
    await one.log.start(one.bell, WAIT_MS);
    await one.probe();
    await one.publish('t', '1');
  }

  test('Redis is used by rediss://, and by nobody who does not trust it', async () => {
    const port = await freePort();
    open.push(await encrypted(port));
    const url = `rediss://127.0.0.1:${port}`;
    const wary = gateway({ url });
    await assert.rejects(wary.log.start(wary.bell, 1_500), { message: UNTRUSTED });
    trusted();
    await works(gateway({ url }));
  });

  test('Sentinels are asked and heard, and tell of a failover', async () => {
    const port = await freePort();
    const config = Object.entries(tlsConfig(port, pair)).map(([name, value]) => `${name} ${value}`);
    const group = await startSentinel({ config });
    open.push(group);
    const [plain = ''] = group.sentinels;
    const sentinel = Number(plain.split(':')[1]);
    /** Those that came to the encrypted port, and what they listen to. */
    const listening = async () => {
      const list = String(await talk(sentinel, (redis) => redis.client('LIST')));
      return list.split('\n').filter((line) => line.includes(` laddr=127.0.0.1:${port} `));
    };
    const way = { sentinels: [`127.0.0.1:${port}`], sentinelName: group.name, sentinelTls: true };
    const wary = gateway(way);
    await assert.rejects(wary.log.start(wary.bell, 1_500), { name: 'StoreDown' });
    // The client's own reason would be a connection that was closed.
    assert.equal(outages.length, 1);
    assert.match(outages[0] ?? '', /^sentinel 127\.0\.0\.1:\d+: self-signed certificate/);
    trusted();
    const a = gateway({ ...way, socketTimeoutMs: 60_000 });
    await works(a);
    assert.equal((await listening()).filter((line) => line.includes(' sub=1 ')).length, 1);
    const old = await group.master();
    old.freeze();
    await group.promoted(old, 20_000);
    // Only who heard of it leaves a master that is silent.
    await a.back();
    old.thaw();
  });
});
