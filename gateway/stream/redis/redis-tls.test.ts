import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, describe, test } from 'node:test';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { freePort } from '../../../e2e/processes/free-port.ts';
import { type RedisServer, startRedis } from '../../../e2e/processes/redis-server.ts';
import { startSentinel, talk } from '../../../e2e/processes/sentinel.ts';
import { systemClock } from '../../../protocol/clock.ts';
import { gatewaySettings, type RedisSettings } from '../../settings/declaration.ts';
import { Gateway, streamSettings, WAIT_MS } from '../testing/log-world.ts';
import { RedisLog } from './redis-log.ts';

const folder = mkdtempSync(join(tmpdir(), 'wscluster-tls-'));
const [certificate, key] = [join(folder, 'certificate.pem'), join(folder, 'key.pem')];
const SUBJECT = ['-subj', '/CN=wscluster', '-addext', 'subjectAltName=IP:127.0.0.1'];
const MAKE = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', ...SUBJECT];
const ours = getCACertificates();
const UNTRUSTED = /self-signed certificate/;

const withTls = (port: number) => ({
  'tls-port': String(port),
  'tls-cert-file': certificate,
  'tls-key-file': key,
  'tls-ca-cert-file': certificate,
  'tls-auth-clients': 'no',
});

async function encrypted(port: number): Promise<RedisServer> {
  const options = Object.entries(withTls(port)).flatMap(([name, value]) => [`--${name}`, value]);
  return startRedis({ args: ['--save', '', '--appendonly', 'no', ...options] });
}

/** Makes the certificate. Why there can be none, or no server that takes it. */
async function whatLacks(): Promise<string | false> {
  try {
    execFileSync('openssl', [...MAKE, '-keyout', key, '-out', certificate], { stdio: 'pipe' });
  } catch {
    return 'no openssl';
  }
  try {
    await (await encrypted(await freePort())).stop();
    return false;
  } catch (error) {
    // Before 7.2 the option is not known, later it is of no use.
    const without = /Failed finding TLS support|>>> 'tls-port/.test(String(error));
    if (without) return 'this redis-server has no TLS';
    throw error;
  }
}

const lacking = await whatLacks();
after(() => rmSync(folder, { recursive: true }));

describe('Over TLS', { skip: lacking }, () => {
  const open: { stop(): Promise<unknown> }[] = [];

  afterEach(async () => {
    setDefaultCACertificates(ours);
    while (open.length > 0) await open.pop()?.stop();
  });

  const trusted = () => setDefaultCACertificates([...ours, readFileSync(certificate, 'utf8')]);

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
    const config = Object.entries(withTls(port)).map(([name, value]) => `${name} ${value}`);
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
