import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { history, published } from './shapes.ts';
import { ask, assertFails, post, read, serve } from './testing/api-fixture.ts';

describe('a request that is read long after it came', () => {
  it('writes nothing that may have been sent again and forgotten meanwhile', async (t) => {
    const backlog = { since: 0 };
    const served = await serve({}, {}, { backlog });
    t.after(served.stop);
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
  });

  it('changes nothing when its sender has surely given it up', async (t) => {
    const backlog = { since: Date.now() - 25_000 };
    const served = await serve({}, {}, { backlog });
    t.after(served.stop);
    const path = `${served.url}/v1/publish`;
    read(published, await ask(path, post({ topic: 'old', data: 1 })));
    backlog.since = Date.now() - 31_000;
    const refused = await ask(path, post({ topic: 'old', data: 2 }));
    assert.match(assertFails(refused, 503, 'overloaded'), /stood still/);
    assert.equal(refused.headers.get('retry-after'), '5');
    const past = await ask(`${served.url}/v1/topics/old/history`);
    assert.equal(read(history, past).events.length, 1, 'who only reads is answered');
  });
});
