import assert from 'node:assert/strict';
import { test } from 'node:test';
import { until } from '../e2e/deadline.ts';
import type { RedisServer } from '../e2e/processes/redis-server.ts';
import { info, startSentinel, talk } from '../e2e/processes/sentinel.ts';
import { systemClock } from '../protocol/clock.ts';
import { Gateway } from './gateway.ts';
import { silentLogger } from './logger.ts';
import { settingsFrom } from './settings/load.ts';

/** Longer than the test: nobody gives a connection up because it is silent. */
const NEVER_MS = 60_000;
const ALL = 'bell,control,publish,ring,wire';

const connected = async ({ port }: RedisServer) => {
  const list = String(await talk(port, (redis) => redis.client('LIST')));
  const names = [...list.matchAll(/ name=one-(\w+) /g)].map(([, name]) => name);
  return names.sort().join();
};

test('a gateway leaves a frozen master with all its connections once Sentinel does', async (t) => {
  const group = await startSentinel();
  t.after(() => group.stop());
  const redis = {
    ...{ sentinels: [...group.sentinels], sentinelName: group.name },
    socketTimeoutMs: NEVER_MS,
  };
  const settings = settingsFrom({ port: 0, adminPort: 0, pod: 'one', redis });
  const parts = { clock: systemClock, random: Math.random, logger: silentLogger };
  const gateway = new Gateway(settings, parts);
  await gateway.start();
  t.after(() => gateway.stop());
  const old = await group.master();
  await until(async () => (await connected(old)) === ALL, {
    for: 'all connections',
    deadlineMs: 10_000,
  });
  old.freeze();
  const heir = await group.promoted(old, 20_000);
  await until(async () => (await connected(heir)) === ALL, {
    for: 'all connections to the new master',
    deadlineMs: 10_000,
  });
  old.thaw();
  assert.deepEqual([await info(old, 'role'), await connected(old)], ['master', '']);
});
