import assert from 'node:assert/strict';
import { mkdtemp, rename, rm, symlink, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { until } from '../../e2e/deadline.ts';
import { ManualClock } from '../../protocol/testing/manual-clock.ts';
import { BadContent, type Reading, SecretFile } from './secret-file.ts';

/** A second passes: the file is looked at, and the next look is set. */
async function tick(clock: ManualClock): Promise<void> {
  await clock.advance(1_000);
  await until(() => clock.timers > 0, { for: 'the look to end', deadlineMs: 5_000, everyMs: 0 });
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
    const clock = new ManualClock();
    const readings: Reading[] = [];
    const file = await SecretFile.open({
      setting: 'auth.keysFile',
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
    await tick(clock);
    assert.equal(file.value, 'good 1');
    assert.deepEqual(readings, []);
    await writeFile(path, 'good 22');
    await tick(clock);
    assert.equal(file.value, 'good 22');
    await writeFile(`${path}.new`, 'good 33');
    await rename(`${path}.new`, path);
    await tick(clock);
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
    await tick(clock);
    assert.equal(file.value, 'good v2');
    file.close();
    await unlink(path);
  });

  it('keeps the old content when the new one is bad, and says so once', async () => {
    await writeFile(path, 'good');
    const { clock, readings, file } = await opened();
    await writeFile(path, 'canary');
    await tick(clock);
    await tick(clock);
    assert.equal(file.value, 'good');
    assert.equal(readings.length, 1);
    assert.equal(readings[0]?.outcome, 'refused');
    assert.doesNotMatch(JSON.stringify(readings), /canary/);
    await writeFile(path, 'good again');
    await tick(clock);
    assert.equal(file.value, 'good again');
    file.close();
  });

  it('keeps the old content when the file is gone, and comes back with it', async () => {
    await writeFile(path, 'good');
    const { clock, readings, file } = await opened();
    await unlink(path);
    await tick(clock);
    await tick(clock);
    assert.equal(file.value, 'good');
    assert.deepEqual(readings, [
      { outcome: 'refused', reason: `${path}: cannot be read (ENOENT)` },
    ]);
    await writeFile(path, 'good 4');
    await tick(clock);
    assert.equal(file.value, 'good 4');
    file.close();
  });

  it('refuses at the start what is missing, too large or bad: setting, path and why', async () => {
    await rm(path, { force: true });
    const clock = new ManualClock();
    const attempt = () => SecretFile.open({ setting: 'auth.keysFile', path, parse, clock });
    const named = (why: string) => ({
      name: 'SettingsError',
      message: `auth.keysFile: a file that holds a JWK Set, not "${path}": ${why}`,
    });
    await assert.rejects(attempt, named('cannot be read (ENOENT)'));
    await writeFile(path, 'bad');
    await assert.rejects(attempt, named('does not begin with good'));
    await writeFile(path, `good${'x'.repeat(1_048_576)}`);
    await assert.rejects(attempt, named('larger than 1048576 bytes'));
  });

  it('tells who listens of each new content that can be used', async () => {
    await writeFile(path, 'good 1');
    const { clock, file } = await opened();
    const heard: string[] = [];
    file.onChange((value) => heard.push(value));
    for (const text of ['good 22', 'bad', 'good 333']) {
      await writeFile(path, text);
      await tick(clock);
    }
    assert.deepEqual(heard, ['good 22', 'good 333']);
    file.close();
  });

  it('sets no timer any more once it is closed', async () => {
    await writeFile(path, 'good');
    const { clock, file } = await opened();
    file.close();
    assert.equal(clock.timers, 0);
  });
});
