import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '../../protocol/clock.ts';
import type { Position } from '../../protocol/position.ts';
import { hubSettings, streamSettings } from '../settings/declaration.ts';
import { MemoryLog } from '../stream/memory/memory-log.ts';
import { MemoryStore } from '../stream/memory/memory-store.ts';
import { TopicStream } from '../stream/topic-stream.ts';
import { silentCounts } from './counts.ts';
import type { Delivery, Outlet } from './hub.ts';
import { TopicHub } from './topic-hub.ts';

const settings = streamSettings.parse({});
const page = { entries: 10, bytes: 100_000 };

class Pod {
  readonly stream: TopicStream;
  readonly hub: TopicHub;

  constructor(store: MemoryStore, name: string) {
    const random = Math.random;
    const listener = {
      onStream: (event: Parameters<TopicHub['onStream']>[0]) => this.hub.onStream(event),
    };
    const log = new MemoryLog(store, name);
    this.stream = new TopicStream({
      log,
      listener,
      settings,
      replicas: 0,
      clock: systemClock,
      random,
    });
    this.hub = new TopicHub({
      ...{ stream: this.stream, settings: hubSettings.parse({}), page },
      ...{ clock: systemClock, random, counts: silentCounts },
    });
  }
}

class Listener implements Outlet {
  subscriptions: unknown;
  readonly seqs: number[] = [];
  #wanted: { last: number; done: () => void } | undefined;

  deliver(delivery: Delivery): boolean {
    if (delivery.kind !== 'entries') return true;
    for (const { seq } of delivery.entries) this.seqs.push(seq);
    if (this.#wanted !== undefined && this.seqs.at(-1) === this.#wanted.last) this.#wanted.done();
    return true;
  }

  flush(): void {}

  /** Resolves when `last` was delivered; rejects after some seconds. */
  reaches(last: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const deadline = setTimeout(() => reject(new Error(`${last} never came`)), 5_000);
      const done = () => {
        clearTimeout(deadline);
        resolve();
      };
      this.#wanted = { last, done };
      if (this.seqs.at(-1) === last) done();
    });
  }
}

test('over the real stream, who moves between pods sees each message once', async () => {
  const store = new MemoryStore({ clock: systemClock, random: Math.random, settings });
  const pods = [new Pod(store, 'one'), new Pod(store, 'two')] as const;
  for (const { stream } of pods) await stream.start(5_000);
  const publish = async (count: number) => {
    for (let n = 0; n < count; n += 1) {
      const data = { encoding: 'json' as const, bytes: new Uint8Array([0x31]) };
      const outcome = await pods[1].stream.publish({
        topic: 'a',
        data,
        identity: '',
        ack: 'leader',
      });
      assert.equal(outcome.outcome, 'ok');
    }
  };
  const listener = new Listener();
  let position: Position | undefined;
  let published = 0;
  try {
    await publish(3);
    published = 3;
    position = (await pods[0].stream.latest('a', 3)).head;
    for (const pod of [pods[0], pods[1], pods[0]]) {
      await publish(25);
      published += 25;
      pod.hub.subscribe(listener, 'a', { from: position, request: 1 });
      await listener.reaches(published);
      await publish(5);
      published += 5;
      await listener.reaches(published);
      position = pod.hub.positions(listener).get('a');
      pod.hub.leave(listener);
    }
  } finally {
    for (const { hub, stream } of pods) {
      hub.stop();
      await stream.stop(1_000);
    }
  }
  assert.deepEqual(
    listener.seqs,
    Array.from({ length: 90 }, (_, index) => index + 4),
  );
});
