import assert from 'node:assert/strict';
import { mkdtemp, rename, rm, symlink, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type Clock, systemClock } from '../../protocol/clock.ts';
import { BadContent, type Reading, SecretFile } from './secret-file.ts';

/** A clock whose timers come when the test says so. */
class HandClock implements Clock {
  readonly waiting = new Set<() => void>();
  now = () => 0;
  wall = () => 0;
  after(_delayMs: number, task: () => void) {
    this.waiting.add(task);
    return { cancel: () => void this.waiting.delete(task) };
  }

  /** Runs what waits, and waits until it has set the next timer. */
  async tick(): Promise<void> {
    const tasks = [...this.waiting];
    this.waiting.clear();
    for (const task of tasks) task();
    const deadline = systemClock.now() + 5_000;
    while (this.waiting.size === 0) {
      assert.ok(systemClock.now() < deadline, 'the poll did not end');
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
}

const parse = (text: string) => {
  if (!text.startsWith('good')) throw new BadContent('does not begin with good');
  return text.trim();
};

describe('a secret in a file', () => {
  let folder = '';
  let path = '';
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'wscluster-secret-'));
    path = join(folder, 'secret');
  });
  after(() => rm(folder, { recursive: true }));

  async function opened() {
    const clock = new HandClock();
    const readings: Reading[] = [];
    const file = await SecretFile.open({
      path,
      parse,
      clock,
      onRead: (reading) => void readings.push(reading),
    });
    return { clock, readings, file };
  }

  it('is read again when it was written in place, and when it was replaced', async () => {
    await writeFile(path, 'good 1\n');
    const { clock, readings, file } = await opened();
    await clock.tick();
    assert.equal(file.value, 'good 1');
    assert.deepEqual(readings, []);
    await writeFile(path, 'good 22');
    await clock.tick();
    assert.equal(file.value, 'good 22');
    await writeFile(`${path}.new`, 'good 33');
    await rename(`${path}.new`, path);
    await clock.tick();
    assert.equal(file.value, 'good 33');
    assert.deepEqual(readings, [{ outcome: 'changed' }, { outcome: 'changed' }]);
    file.close();
  });

  it('follows a link that is pointed elsewhere, as Kubernetes does', async () => {
    await writeFile(join(folder, 'v1'), 'good v1');
    await writeFile(join(folder, 'v2'), 'good v2');
    await rm(path, { force: true });
    await symlink(join(folder, 'v1'), path);
    const { clock, file } = await opened();
    assert.equal(file.value, 'good v1');
    await symlink(join(folder, 'v2'), `${path}.new`);
    await rename(`${path}.new`, path);
    await clock.tick();
    assert.equal(file.value, 'good v2');
    file.close();
    await unlink(path);
  });

  it('keeps the old content when the new one is bad, and says so once', async () => {
    await writeFile(path, 'good');
    const { clock, readings, file } = await opened();
    await writeFile(path, 'canary');
    await clock.tick();
    await clock.tick();
    assert.equal(file.value, 'good');
    assert.equal(readings.length, 1);
    assert.equal(readings[0]?.outcome, 'refused');
    assert.doesNotMatch(JSON.stringify(readings), /canary/);
    await writeFile(path, 'good again');
    await clock.tick();
    assert.equal(file.value, 'good again');
    file.close();
  });

  it('keeps the old content when the file is gone, and comes back with it', async () => {
    await writeFile(path, 'good');
    const { clock, readings, file } = await opened();
    await unlink(path);
    await clock.tick();
    await clock.tick();
    assert.equal(file.value, 'good');
    assert.deepEqual(readings, [
      { outcome: 'refused', reason: `${path}: cannot be read (ENOENT)` },
    ]);
    await writeFile(path, 'good 4');
    await clock.tick();
    assert.equal(file.value, 'good 4');
    file.close();
  });

  it('refuses at the start what is missing, too large or bad, and names the path', async () => {
    await rm(path, { force: true });
    const attempt = () => SecretFile.open({ path, parse, clock: new HandClock() });
    const named = (error: unknown) => error instanceof BadContent && error.message.includes(path);
    await assert.rejects(attempt, named);
    await writeFile(path, 'bad');
    await assert.rejects(attempt, named);
    await writeFile(path, `good${'x'.repeat(1_048_576)}`);
    await assert.rejects(attempt, named);
  });

  it('sets no timer any more once it is closed', async () => {
    await writeFile(path, 'good');
    const { clock, file } = await opened();
    file.close();
    assert.equal(clock.waiting.size, 0);
  });
});
