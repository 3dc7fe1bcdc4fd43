import assert from 'node:assert/strict';
import type { Gap } from '../../../protocol/events.ts';
import type { Position } from '../../../protocol/position.ts';
import type { Entry, StreamEvent, StreamListener } from '../stream.ts';

/** What one listener was told of one topic since it was followed. */
export interface HeardTopic {
  opened: Position | undefined;
  at: Position | undefined;
  readonly entries: Entry[];
  readonly gaps: Gap[];
}

/**
 * A listener that holds the stream to its promises while it listens: each topic contiguous, never
 * twice, nothing before `opened`, nothing of a topic that is not followed, and never inside a call
 * to the stream.
 */
export class CheckingListener implements StreamListener {
  readonly events: StreamEvent[] = [];
  readonly topics = new Map<string, HeardTopic>();
  /** Set while a call to the stream runs. */
  calling = false;
  stale = false;
  confirmed = 0;

  /** To be called before `stream.follow`. */
  expect(topic: string): HeardTopic {
    const heard = { opened: undefined, at: undefined, entries: [], gaps: [] };
    this.topics.set(topic, heard);
    return heard;
  }

  /** To be called before `stream.unfollow`. */
  dismiss(topic: string): void {
    this.topics.delete(topic);
  }

  onStream(event: StreamEvent): void {
    assert(!this.calling, 'told inside a call to the stream');
    this.events.push(event);
    if ('topic' in event) this.#hear(this.#heard(event.topic), event);
    else if (event.type === 'stale') {
      assert.notEqual(this.stale, event.stale, 'stale says nothing new');
      this.stale = event.stale;
    } else if (event.type === 'confirmed') {
      assert(event.second >= this.confirmed, 'confirmed went back');
      this.confirmed = event.second;
    }
  }

  #heard(topic: string): HeardTopic {
    const heard = this.topics.get(topic);
    assert(heard !== undefined, `told of ${topic}, which is not followed`);
    return heard;
  }

  #hear(heard: HeardTopic, event: Extract<StreamEvent, { topic: string }>): void {
    if (event.type === 'opened') {
      assert.equal(heard.opened, undefined, 'opened twice');
      heard.opened = event.head;
      heard.at = event.head;
      return;
    }
    assert(heard.at !== undefined, `${event.type} before opened`);
    if (event.type === 'gap') {
      heard.gaps.push(event.gap);
      heard.at = event.gap.position;
    } else if (event.type === 'epoch') {
      assert.notEqual(event.head.epoch, heard.at.epoch, 'no new epoch');
      assert(event.head.seq === heard.at.seq || event.head.seq === 0, 'the epoch skips');
      heard.at = event.head;
    } else this.#extend(heard, event.entries);
  }

  #extend(heard: HeardTopic, entries: readonly Entry[]): void {
    assert(entries.length > 0, 'no entries');
    for (const entry of entries) {
      assert(heard.at !== undefined);
      assert.equal(entry.seq, heard.at.seq + 1, `after ${JSON.stringify(heard.at)}`);
      assert.equal(entry.epoch, heard.at.epoch);
      heard.entries.push(entry);
      const confirmed = Math.floor(entry.at / 1000);
      heard.at = { epoch: entry.epoch, seq: entry.seq, confirmed };
    }
  }
}
