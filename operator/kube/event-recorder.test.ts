import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ManualClock } from '../../protocol/testing/manual-clock.ts';
import { EventRecorder, type Happening } from './event-recorder.ts';
import { refused } from './kube-error.ts';
import { isRecord } from './objects.ts';
import { RecordingLog } from './testing/recording-log.ts';
import { StandInApi } from './testing/stand-in-api.ts';

const chat = {
  ...{ apiVersion: 'wscluster.io/v1alpha1', kind: 'WsCluster' },
  metadata: { namespace: 'ns', name: 'chat', uid: 'u1' },
};
const blocked: Happening = {
  ...{ type: 'Warning', reason: 'QuotaBlocked', action: 'CreatePod', note: 'no quota' },
};

function recording() {
  const clock = new ManualClock();
  const server = new StandInApi();
  const options = { api: server, clock, random: () => 0.5, log: new RecordingLog() };
  const recorder = new EventRecorder({ ...options, controller: 'w.io/op', instance: 'pod-0' });
  const sent = () =>
    server.calls.map(({ method, body }) => {
      const series: unknown = isRecord(body) ? body['series'] : undefined;
      return `${method} ${isRecord(series) ? String(series['count']) : '-'}`;
    });
  return { clock, server, recorder, sent };
}

const answered = (code: number) => refused({ code, what: 'POST', status: undefined, wallMs: 0 });

describe('an event recorder', () => {
  test('says what happened as events.k8s.io/v1', async () => {
    const { clock, server, recorder } = recording();
    recorder.record(chat, blocked);
    await clock.advance(10);
    const [call] = server.calls;
    assert.equal(call?.path, '/apis/events.k8s.io/v1/namespaces/ns/events');
    const { metadata, eventTime, ...rest } = call.body as Record<string, unknown>;
    assert.match(JSON.stringify(metadata), /"name":"chat\.[0-9a-f]+","namespace":"ns"/);
    assert.equal(eventTime, '2026-01-01T00:00:00.000000Z');
    assert.deepEqual(rest, {
      ...{ apiVersion: 'events.k8s.io/v1', kind: 'Event', ...blocked },
      ...{ reportingController: 'w.io/op', reportingInstance: 'pod-0' },
      regarding: {
        ...{ apiVersion: 'wscluster.io/v1alpha1', kind: 'WsCluster' },
        ...{ name: 'chat', namespace: 'ns', uid: 'u1' },
      },
    });
    await recorder.stop();
    assert.equal(clock.timers, 0);
  });

  test('counts what is said again, and writes that once in six minutes', async () => {
    const { clock, recorder, sent } = recording();
    for (let second = 0; second < 900; second += 1) {
      recorder.record(chat, blocked);
      await clock.advance(1_000);
    }
    assert.deepEqual(sent(), ['POST -', 'PATCH 361', 'PATCH 721']);
    recorder.record(chat, { ...blocked, note: 'less quota' });
    await clock.advance(10);
    assert.equal(sent().at(-1), 'POST -');
    await recorder.stop();
  });

  test('says anew what goes on after its Event has expired', async () => {
    const { clock, server, recorder, sent } = recording();
    recorder.record(chat, blocked);
    await clock.advance(6 * 60_000);
    const missing = answered(404);
    server.fault = (asked) => ('method' in asked && asked.method === 'PATCH' ? missing : undefined);
    recorder.record(chat, blocked);
    await clock.advance(10);
    assert.deepEqual(sent(), ['POST -', 'PATCH 2', 'POST 2']);
    await recorder.stop();
  });

  test('says 25 different things of an object at once, then one in five minutes', async () => {
    const { clock, recorder, sent } = recording();
    const other = { ...chat, metadata: { ...chat.metadata, uid: 'u2' } };
    for (let count = 0; count < 100; count += 1) {
      recorder.record(chat, { ...blocked, note: `missing ${count}` });
    }
    recorder.record(other, blocked);
    await clock.advance(10);
    assert.equal(sent().length, 26);
    assert.equal(recorder.dropped, 75);
    await clock.advance(600_000);
    for (let count = 200; count < 210; count += 1) {
      recorder.record(chat, { ...blocked, note: `missing ${count}` });
    }
    await clock.advance(10);
    assert.equal(sent().length, 28);
    await recorder.stop();
  });

  test('warns also of an object of which much was said that went well', async () => {
    const { clock, recorder, sent } = recording();
    for (let count = 0; count < 100; count += 1) {
      recorder.record(chat, { ...blocked, type: 'Normal', note: `scaled ${count}` });
    }
    await clock.advance(10);
    assert.equal(sent().length, 25);
    recorder.record(chat, { ...blocked, type: 'Warning' });
    await clock.advance(10);
    assert.equal(sent().length, 26);
    await recorder.stop();
  });

  test('tries again what may succeed, drops what will not, and never fails', async () => {
    const { clock, server, recorder, sent } = recording();
    server.fault = () => answered(server.calls.length < 3 ? 500 : 422);
    recorder.record(chat, blocked);
    await clock.advance(60_000);
    assert.equal(sent().length, 3);
    assert.equal(recorder.dropped, 1);
    server.fault = () => answered(429);
    recorder.record(chat, { ...blocked, note: 'another' });
    await clock.advance(600_000);
    assert.equal(sent().length, 3 + 5);
    assert.equal(recorder.dropped, 2);
    // What nobody heard is said again when it still happens.
    server.fault = () => undefined;
    recorder.record(chat, blocked);
    await clock.advance(10);
    assert.equal(sent().at(-1), 'POST 2');
    await recorder.stop();
  });

  test('keeps no more than a thousand, however slow the API server is', async () => {
    const { clock, server, recorder } = recording();
    server.fault = () => answered(503);
    for (let count = 0; count < 1_200; count += 1) {
      recorder.record({ ...chat, metadata: { name: 'c', uid: `u${count}` } }, blocked);
    }
    assert.equal(recorder.dropped, 200);
    const stopping = recorder.stop();
    await clock.advance(3_000);
    await stopping;
    assert.equal(recorder.dropped, 1_200);
    assert.equal(clock.timers, 0);
  });

  test('cuts a note to what an Event takes, between characters', async () => {
    const { clock, server, recorder } = recording();
    recorder.record(chat, { ...blocked, note: 'ü'.repeat(1_000) });
    await clock.advance(10);
    const { body } = server.calls[0] ?? assert.fail();
    const note = isRecord(body) ? String(body['note']) : '';
    assert.ok(Buffer.byteLength(note) <= 1_024);
    assert.match(note, /^ü+…$/);
    await recorder.stop();
  });
});
