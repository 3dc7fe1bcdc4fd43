import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, describe, it } from 'node:test';
import { until } from '../e2e/deadline.ts';
import { startSentinel, talk } from '../e2e/processes/sentinel.ts';
import { systemClock } from '../protocol/clock.ts';
import { Gateway } from './gateway.ts';
import { silentLogger } from './logger.ts';
import { openRedisFiles } from './redis-files.ts';
import { settingsFrom } from './settings/load.ts';

const WAIT_MS = 15_000;

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
      const files = await openRedisFiles({ urlFile: undefined, sentinelPasswordFile }, parts);
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
