import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { until } from '../../e2e/deadline.ts';
import { firstRing } from '../../protocol/ring.ts';
import { ringDocumentBytes } from '../../protocol/ring-document.ts';
import { ManualClock } from '../../protocol/testing/manual-clock.ts';
import { silentLogger } from '../logger.ts';
import { GivenRing } from './given.ts';
import { MemoryBoard } from './memory-board.ts';
import { RingKeeper } from './ring-keeper.ts';
import { documentOf, tallying } from './testing/fleet.ts';

const member = (id: string) => ({ id, weight: 1, zone: '', address: `${id}:8001` });
const documentAt = (counter: number, cluster = 'chat') =>
  documentOf(firstRing({ cluster, version: { generation: 1, counter } }, ['a', 'b'].map(member)))
    .document;
const INTERVAL = 1_000;
const LOOK = 5_000;

describe('a given ring', () => {
  let folder = '';
  let files = 0;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'wscluster-ring-'));
  });
  after(() => rm(folder, { recursive: true }));

  function given(clock = new ManualClock(), board = new MemoryBoard(clock), pod = 'a') {
    files += 1;
    const file = join(folder, `ring-${files}`);
    const said: string[] = [];
    const say = (fields: object, text: string) =>
      void said.push('reason' in fields ? `${text}: ${fields.reason}` : text);
    const counts = tallying();
    const logger = { ...silentLogger, warn: say, error: say };
    const shared = { clock, logger, counts };
    const keeper = new RingKeeper({ ...shared, cluster: 'chat' });
    const load = () => ({ connections: 0, utilisation: 0 });
    const parts = { ...shared, keeper, board, load, file, pod, intervalMs: INTERVAL };
    const source = new GivenRing(parts);
    /** Reading a file is not the clock's: the next look is set when this one is over. */
    const looked = (timers: number) =>
      until(() => clock.timers >= timers, {
        for: 'a look at the file',
        deadlineMs: 5_000,
        everyMs: 0,
      });
    const start = async () => {
      // One for the next look and one for the next beat; the clock may be another pod's as well.
      const timers = clock.timers + 2;
      source.start({ weight: 1, zone: '', address: `${pod}:8001`, key: '' });
      await looked(timers);
    };
    const later = async () => {
      const { timers } = clock;
      await clock.advance(LOOK);
      await looked(timers);
    };
    const counter = () => keeper.current?.version.counter;
    return { file, said, source, board, clock, start, later, counter, tally: counts.tally };
  }

  it('is read from its file at the start, and again when the file changes', async () => {
    const { file, said, start, later, counter, source } = given();
    await writeFile(file, `${documentAt(1)}\n`);
    await start();
    assert.equal(counter(), 1);
    await writeFile(file, documentAt(2));
    await later();
    assert.equal(counter(), 2);
    assert.deepEqual(said, []);
    await source.stop();
  });

  it('is none while there is no file, which is said once', async () => {
    const { file, said, start, later, counter, source } = given();
    await start();
    await later();
    assert.equal(counter(), undefined);
    assert.deepEqual(said, ['the file of the ring is not there yet']);
    await writeFile(file, documentAt(3));
    await later();
    assert.equal(counter(), 3);
    await source.stop();
  });

  it('stays the last good one when the file is bad: one line, counted once', async () => {
    const { file, said, start, later, counter, tally, source } = given();
    await writeFile(file, documentAt(1));
    await start();
    await writeFile(file, documentAt(2).slice(1));
    await later();
    await later();
    assert.equal(counter(), 1);
    assert.deepEqual(said, ['the ring in the file is refused: not JSON']);
    assert.equal(tally.documents.get('undecodable'), 1);
    await writeFile(file, 'x'.repeat(ringDocumentBytes + 1));
    await later();
    await later();
    assert.match(said[1] ?? '', /cannot be read: larger than 262144 bytes/);
    assert.equal(tally.documents.get('unreadable'), 1);
    await writeFile(file, documentAt(4));
    await later();
    assert.equal(counter(), 4);
    await source.stop();
  });

  it('is the newest that was pushed, and says what became of each', async () => {
    const { source, start, said, counter } = given();
    await start();
    assert.deepEqual(source.push(documentAt(5)), { outcome: 'newer' });
    assert.deepEqual(source.push(documentAt(5)), { outcome: 'same' });
    assert.deepEqual(source.push(documentAt(4)), { outcome: 'older' });
    const refused = source.push(documentAt(9, 'games'));
    assert.equal(refused.outcome, 'refused');
    assert.match(said.at(-1) ?? '', /^a pushed ring is refused: .*games/);
    assert.equal(counter(), 5);
    await source.stop();
  });

  it('reaches who missed its push, and nobody writes another', async () => {
    const one = given();
    const other = given(one.clock, one.board, 'b');
    await one.start();
    await other.start();
    one.source.push(documentAt(6));
    await one.clock.advance(3 * INTERVAL);
    assert.equal(other.counter(), 6);
    assert.deepEqual(one.tally.offers, ['stored']);
    assert.equal((await one.board.pods()).beats.size, 2);
    await one.source.stop();
    await one.clock.advance(10 * INTERVAL);
    assert.equal(other.counter(), 6);
    assert.equal(other.source.writer, undefined);
    await other.source.stop();
  });
});
