import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Gateway } from '../../gateway/gateway.ts';
import { silentLogger } from '../../gateway/logger.ts';
import { settingsFrom } from '../../gateway/settings/load.ts';
import { MemoryStore } from '../../gateway/stream/memory/memory-store.ts';
import { systemClock } from '../../protocol/clock.ts';
import { passMessages } from './messages.ts';

/** On loopback everybody may publish. */
async function withGateway(work: (url: string) => Promise<void>): Promise<void> {
  const settings = settingsFrom({ port: 0, adminPort: 0 });
  const shared = { clock: systemClock, random: Math.random, logger: silentLogger };
  const store = new MemoryStore({ ...shared, settings: settings.stream });
  const gateway = new Gateway(settings, { ...shared, store });
  await gateway.start();
  try {
    await work(`ws://127.0.0.1:${gateway.address?.port}/ws`);
  } finally {
    await gateway.stop();
  }
}

describe('what helm test does with a WsCluster', () => {
  it('publishes, leaves and resumes, and says so', async () => {
    const said: string[] = [];
    await withGateway((url) => passMessages({ url, say: (line) => said.push(line) }));
    assert.deepEqual(said, [
      'connected, subscribed, and got what was published',
      'published while nobody listened',
      'resumed: what was missed came in order, once, and without a gap',
    ]);
  });

  it('says what failed and why, where a token is refused', async () => {
    await withGateway(async (url) => {
      const passing = passMessages({ url, token: 'none', say: () => undefined });
      await assert.rejects(passing, /^Error: not "connected, subscribed.*": .*unauthenticated/);
    });
  });
});
