import assert from 'node:assert/strict';
import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, describe, it } from 'node:test';
import { until } from '../e2e/deadline.ts';
import { freePort } from '../e2e/processes/free-port.ts';
import { startRedis } from '../e2e/processes/redis-server.ts';
import { startSentinel, talk } from '../e2e/processes/sentinel.ts';
import { asArguments, makePair, type Pair, tlsConfig, tlsProblem } from '../e2e/processes/tls.ts';
import { systemClock } from '../protocol/clock.ts';
import { Gateway } from './gateway.ts';
import { silentLogger } from './logger.ts';
import { openRedisFiles } from './redis-files.ts';
import { settingsFrom } from './settings/load.ts';

const WAIT_MS = 15_000;
const none = settingsFrom({}).redis;

describe('the file with the password of the Sentinels', () => {
  let folder = '';
  let sentinelPasswordFile = '';
  const open: { stop(): Promise<unknown> }[] = [];
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'wscluster-redis-files-'));
    sentinelPasswordFile = join(folder, 'password');
  });
  afterEach(async () => {
    while (open.length > 0) await open.pop()?.stop();
  });
  after(() => rm(folder, { recursive: true }));

  it('holds one line, with or without its end', async () => {
    const parts = { clock: systemClock, logger: silentLogger, onRead: () => {} };
    const read = async (text: string) => {
      await writeFile(sentinelPasswordFile, text);
      const files = await openRedisFiles({ ...none, sentinelPasswordFile }, parts);
      files.close();
      return files.sentinelPassword?.value;
    };
    assert.equal(await read(' a b \n'), ' a b ');
    assert.equal(await read('ü\r\n'), 'ü');
    assert.equal(await read('x'), 'x');
    for (const [text, why] of [
      ['\n', /it is empty$/],
      ['canary\nb\n', /"[^"]+": it has more than one line$/],
    ] as const) {
      await assert.rejects(read(text), (error: Error) => {
        assert.match(error.message, why);
        return !error.message.includes('canary');
      });
    }
  });

  it('is read again: every connection that is made then comes with the new one', async () => {
    const group = await startSentinel({ config: ['requirepass old'], password: 'old' });
    open.push(group);
    const { sentinels, name: sentinelName } = group;
    await writeFile(sentinelPasswordFile, 'old');
    const redis = { sentinels: [...sentinels], sentinelName, sentinelPasswordFile };
    const logged: string[] = [];
    const logger = { ...silentLogger, info: (_: object, text: string) => void logged.push(text) };
    const settings = settingsFrom({ port: 0, pod: 'one', redis });
    const gateway = new Gateway(settings, { clock: systemClock, random: Math.random, logger });
    await gateway.start();
    open.push(gateway);
    const master = await group.master();
    /** Ids of its five connections, none of which is one of `old`. */
    const connected = (old: readonly string[]) =>
      until(
        async () => {
          const list = await talk(master.port, (client) => client.client('LIST'));
          const found = [...String(list).matchAll(/^id=(\d+) .* name=one-(\w+) /gm)];
          const made = found.map(([, id = '']) => id).filter((id) => !old.includes(id));
          return made.length === 5 ? made : undefined;
        },
        { for: 'all five connections', deadlineMs: WAIT_MS },
      );
    const first = await connected([]);
    const port = Number(sentinels[0]?.split(':')[1]);
    const change = ['SETUSER', 'default', 'resetpass', '>new'];
    await talk(port, (client) => client.call('ACL', change), 'old');
    await writeFile(sentinelPasswordFile, 'new\n');
    await until(() => logged.includes('the password of the Sentinels was read again'), {
      for: 'the new password',
      deadlineMs: WAIT_MS,
    });
    for (const type of ['normal', 'pubsub'] as const) {
      await talk(master.port, (client) => client.client('KILL', 'TYPE', type));
    }
    await connected(first);
  });
});

const lacking = (await tlsProblem()) ?? false;

describe('the files with certificates', { skip: lacking }, () => {
  let folder = '';
  const at = (name: string) => join(folder, name);
  const open: { stop(): Promise<unknown> }[] = [];
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'wscluster-redis-files-'));
  });
  afterEach(async () => {
    while (open.length > 0) await open.pop()?.stop();
  });
  after(() => rm(folder, { recursive: true }));

  it('are all read, and what cannot be used is refused without being quoted', async () => {
    const parts = { clock: systemClock, logger: silentLogger, onRead: () => {} };
    const { certificate, key } = makePair(folder, 'good');
    const [pem, secret] = [await readFile(certificate, 'utf8'), await readFile(key, 'utf8')];
    const paths = { caFile: at('ca'), certificateFile: at('crt'), keyFile: at('key') };
    const read = async (texts: readonly [ca: string, certificate: string, key: string]) => {
      const [ca, own, ownKey] = texts;
      await writeFile(paths.caFile, ca);
      await writeFile(paths.certificateFile, own);
      await writeFile(paths.keyFile, ownKey);
      const files = await openRedisFiles({ ...none, ...paths }, parts);
      files.close();
      return [files.ca?.value, files.certificate?.value, files.key?.value];
    };
    assert.deepEqual(await read([pem + pem, pem, secret]), [pem + pem, pem, secret]);
    const cut = pem.replace(/\n[^\n]+\n/, '\ncanary\n');
    await assert.rejects(read(['canary', pem + cut, 'canary']), ({ message }: Error) => {
      assert.match(message, /redis\.caFile.*it holds no certificate/);
      assert.match(message, /redis\.certificateFile.*its certificate 2 of 2 cannot be read/);
      assert.match(message, /redis\.keyFile.*it holds no private key/);
      return !message.includes('canary');
    });
  });

  it('say who is trusted and who we are, also when all of them change', async () => {
    const [old, young] = [makePair(folder, 'old'), makePair(folder, 'young')];
    const port = await freePort();
    const config = { ...tlsConfig(port, old), 'tls-auth-clients': 'yes' };
    const args = ['--save', '', '--appendonly', 'no', ...asArguments(config)];
    const server = await startRedis({ args });
    open.push(server);
    const tell = (...words: readonly string[]) =>
      talk(server.port, (client) => client.call(words[0] ?? '', ...words.slice(1)));
    await tell('ACL', 'SETUSER', 'chat', 'on', '>one', '~*', '&*', '+@all');
    const mount = async ({ certificate, key }: Pair, password: string) => {
      await copyFile(certificate, at('ca'));
      await copyFile(certificate, at('crt'));
      await copyFile(key, at('key'));
      await writeFile(at('password'), password);
    };
    await mount(old, 'one');
    const redis = {
      ...{ url: `rediss://127.0.0.1:${port}`, user: 'chat', passwordFile: at('password') },
      ...{ caFile: at('ca'), certificateFile: at('crt'), keyFile: at('key') },
    };
    const logged = new Set<string>();
    const logger = { ...silentLogger, info: (_: object, text: string) => void logged.add(text) };
    const settings = settingsFrom({ port: 0, pod: 'one', redis });
    const gateway = new Gateway(settings, { clock: systemClock, random: Math.random, logger });
    await gateway.start();
    open.push(gateway);
    const connected = async () => {
      const list = String(await tell('CLIENT', 'LIST', 'TYPE', 'normal'));
      return [...list.matchAll(/^id=(\d+) .* name=one-\w+ .* user=chat /gm)].map(([, id]) => id);
    };
    const before = await connected();
    assert.ok(before.length > 0);
    await mount(young, 'two');
    await until(() => logged.size >= 4, { for: () => [...logged].join(), deadlineMs: WAIT_MS });
    const { certificate, key } = young;
    const files = ['tls-cert-file', certificate, 'tls-key-file', key, 'tls-ca-cert-file'];
    await tell('CONFIG', 'SET', ...files, certificate);
    await tell('ACL', 'SETUSER', 'chat', 'resetpass', '>two');
    for (const type of ['normal', 'pubsub']) await tell('CLIENT', 'KILL', 'TYPE', type);
    await until(
      async () => {
        const now = await connected();
        return now.length === before.length && now.every((id) => !before.includes(id));
      },
      { for: 'connections with the new certificates', deadlineMs: WAIT_MS },
    );
  });
});
