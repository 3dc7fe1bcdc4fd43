import assert from 'node:assert/strict';
import { test } from 'node:test';
import { silentLogger } from '../logger.ts';
import type { OpenedSession, SaveResult } from '../stream/stream.ts';
import { withOutageLogged } from './session-outage.ts';

test('an outage of sessions is one line in the log, and its end another', async () => {
  const lines: string[] = [];
  const line = (fields: object, message: string) =>
    void lines.push(`${'reason' in fields ? fields.reason : ''} ${message.slice(0, 18)}`);
  let now = 0;
  const clock = { now: () => now, wall: () => now, after: () => assert.fail('no timer') };
  const key = { identity: 'me', session: 's' };
  let opened: OpenedSession = { generation: 1, cursors: new Map() };
  let saved: () => Promise<SaveResult> = async () => 'saved';
  const sessions = withOutageLogged(
    { open: async () => opened, save: () => saved() },
    { clock, logger: { ...silentLogger, info: line, warn: line } },
  );
  const step = async () => {
    await sessions.open(key);
    await sessions.save(key, 1, new Map()).catch(() => {});
  };
  await step();
  assert.deepEqual(lines, []);
  opened = { ...opened, unwritten: 'OOM' };
  saved = () => Promise.reject(new Error('full'));
  await step();
  await step();
  assert.deepEqual(lines, ['OOM sessions cannot be']);
  opened = { generation: 2, cursors: new Map() };
  saved = async () => 'superseded';
  await step();
  assert.equal(lines.length, 1, 'one that works is no end yet');
  now = 10_000;
  await step();
  await step();
  assert.deepEqual(lines, ['OOM sessions cannot be', ' sessions are kept ']);
});
