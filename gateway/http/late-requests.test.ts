import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { published } from './shapes.ts';
import { ask, assertFails, post, read, serve } from './testing/api-fixture.ts';

describe('a request that is read long after it came', () => {
  it('writes nothing that may have been sent again and forgotten meanwhile', async () => {
    const backlog = { since: 0 };
    const served = await serve({}, {}, { backlog });
    const send = (key?: string) => {
      const headers = key === undefined ? {} : { 'idempotency-key': key };
      return ask(`${served.url}/v1/publish`, post({ topic: 'late', data: 1 }, headers));
    };
    // A publisher may send for 100 s and is remembered for 120: 20 s are for the way.
    backlog.since = Date.now() - 18_000;
    read(published, await send('one'));
    backlog.since = Date.now() - 21_000;
    assertFails(await send('two'), 504, 'unknown_outcome');
    assert.equal(read(published, await send('one')).duplicate, true, 'it is still known');
    read(published, await send());
    await served.stop();
  });
});
