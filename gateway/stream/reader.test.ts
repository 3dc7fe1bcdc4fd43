import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { turn } from '../../protocol/testing/manual-clock.ts';
import { StoreDown } from './log.ts';
import type { Page } from './stream.ts';
import { at, entries, next, page, Stage } from './testing/scripted-log.ts';

const LIMIT = { entries: 100, bytes: 10_000 };
const seqs = ({ steps }: Page) =>
  steps.map((step) => (step.kind === 'entry' ? step.entry.seq : step.gap.reason));

describe('A read', () => {
  test('is one with every equal one that is under way', async () => {
    const stage = await new Stage().start();
    const reads = Array.from({ length: 5_000 }, (_, index) =>
      stage.stream.read('t', { ...at('e', 1), confirmed: index % 7 }, LIMIT),
    );
    await turn();
    assert.equal(stage.log.resumes.length, 1);
    await next(stage.log.resumes).answer(page(at('e', 2), entries('e', 2)));
    for (const read of await Promise.all(reads)) assert.deepEqual(seqs(read), [2]);
    assert.equal(stage.log.resumes.length, 0);
  });

  test('is read for itself where its age decides and another was older', async () => {
    const stage = await new Stage().start();
    const old = stage.stream.read('t', { ...at('w', 0), confirmed: 1 }, LIMIT);
    const young = stage.stream.read('t', { ...at('w', 0), confirmed: 99 }, LIMIT);
    await turn();
    const gap = { reason: 'expired', position: at('w', 0) } as const;
    await next(stage.log.resumes).answer(page(at('w', 0), [{ kind: 'gap', gap }]));
    assert.deepEqual(seqs(await old), ['expired']);
    const again = next(stage.log.resumes);
    assert.deepEqual(again.request.from, { ...at('w', 0), confirmed: 99 });
    await again.answer(page(at('w', 0)));
    assert.deepEqual(seqs(await young), []);
  });

  test('of a born topic from before its birth is shared with who was confirmed later', async () => {
    const stage = await new Stage().start();
    const [younger, older, youngest] = [50, 49, 51].map((confirmed) =>
      stage.stream.read('t', { ...at('w', 0), confirmed }, LIMIT),
    );
    await turn();
    assert.equal(stage.log.resumes.length, 1);
    await next(stage.log.resumes).answer(page(at('e', 1), entries('e', 1)));
    assert(younger !== undefined && older !== undefined && youngest !== undefined);
    for (const read of [younger, youngest]) assert.deepEqual(seqs(await read), [1]);
    const again = next(stage.log.resumes);
    assert.deepEqual(again.request.from, { ...at('w', 0), confirmed: 49 });
    const gap = { reason: 'expired', position: at('e', 1) } as const;
    await again.answer(page(at('e', 1), [{ kind: 'gap', gap }]));
    assert.deepEqual(seqs(await older), ['expired']);
  });

  test('waits until a changed history is settled', async () => {
    const stage = await new Stage({ settleMs: 1_000 }).start();
    const read = stage.stream.read('t', at('e', 1), LIMIT);
    await turn();
    await next(stage.log.resumes).answer(page(at('f', 2), entries('f', 2), { unsettledMs: 300 }));
    await stage.clock.advance(100);
    await next(stage.log.resumes).answer(page(at('f', 2), entries('f', 2)));
    assert.deepEqual(seqs(await read), [2]);
  });

  test('is tried again while the log is down, and given up after its deadline', async () => {
    const stage = await new Stage({ settleMs: 1_000 }).start();
    const read = stage.stream.read('t', at('e', 1), LIMIT);
    const refused = assert.rejects(read, { name: 'StreamError', code: 'store_unavailable' });
    let tries = 0;
    for (let ms = 0; ms < 7_000; ms += 20) {
      const call = stage.log.resumes.find(({ request }) => request.from !== undefined);
      if (call !== undefined) {
        tries += 1;
        stage.log.resumes.length = 0;
        await call.fail(new StoreDown('refused'));
      }
      await stage.clock.advance(20);
    }
    await refused;
    assert(tries > 3 && tries < 40, `${tries} tries`);
  });

  test('waits its turn behind a bounded number of others', async () => {
    const stage = await new Stage().start();
    const reads = Array.from({ length: 40 }, (_, seq) =>
      stage.stream.read('t', at('e', seq), LIMIT),
    );
    await turn();
    const atOnce = stage.log.resumes.length;
    assert(atOnce < 40, `${atOnce} at once`);
    for (let left = 40; left > 0; left -= 1) {
      await next(stage.log.resumes).answer(page(at('e', 40)));
    }
    assert.equal((await Promise.all(reads)).length, 40);
  });

  test('is rejected when the stream stops', async () => {
    const stage = await new Stage().start();
    const read = stage.stream.read('t', at('e', 1), LIMIT);
    const refused = assert.rejects(read, { name: 'StreamError', code: 'store_unavailable' });
    await turn();
    await next(stage.log.resumes).fail(new StoreDown('refused'));
    const stopping = stage.stream.stop(0);
    await stage.clock.advance(10);
    await stopping;
    await refused;
  });
});
