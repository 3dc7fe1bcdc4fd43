import assert from 'node:assert/strict';
import type { Gap } from '../../../protocol/events.ts';
import type { Position } from '../../../protocol/position.ts';
import type { Entry, StreamEvent, StreamListener } from '../stream.ts';

/** What one listener was told of one topic since it was followed. */
export interface Testimony {
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
export class Witness implements StreamListener {
  readonly events: StreamEvent[] = [];
  readonly topics = new Map<string, Testimony>();
  /** Set while a call to the stream runs. */
  calling = false;
  stale = false;
  confirmed = 0;

  /** To be called before `stream.follow`. */
  expect(topic: string): Testimony {
    const testimony = { opened: undefined, at: undefined, entries: [], gaps: [] };
    this.topics.set(topic, testimony);
    return testimony;
  }

  /** To be called before `stream.unfollow`. */
  dismiss(topic: string): void {
    this.topics.delete(topic);
  }

  onStream(event: StreamEvent): void {
    assert(!this.calling, 'told inside a call to the stream');
    this.events.push(event);
    if ('topic' in event) this.#hear(this.#testimony(event.topic), event);
    else if (event.type === 'stale') {
      assert.notEqual(this.stale, event.stale, 'stale says nothing new');
      this.stale = event.stale;
    } else if (event.type === 'confirmed') {
      assert(event.second >= this.confirmed, 'confirmed went back');
      this.confirmed = event.second;
    }
  }

  #testimony(topic: string): Testimony {
    const testimony = this.topics.get(topic);
    assert(testimony !== undefined, `told of ${topic}, which is not followed`);
    return testimony;
  }

  #hear(testimony: Testimony, event: Extract<StreamEvent, { topic: string }>): void {
    if (event.type === 'opened') {
      assert.equal(testimony.opened, undefined, 'opened twice');
      testimony.opened = event.head;
      testimony.at = event.head;
      return;
    }
    assert(testimony.at !== undefined, `${event.type} before opened`);
    if (event.type === 'gap') {
      testimony.gaps.push(event.gap);
      testimony.at = event.gap.position;
    } else if (event.type === 'epoch') {
      assert.notEqual(event.head.epoch, testimony.at.epoch, 'no new epoch');
      assert(event.head.seq === testimony.at.seq || event.head.seq === 0, 'the epoch skips');
      testimony.at = event.head;
    } else this.#extend(testimony, event.entries);
  }

  #extend(testimony: Testimony, entries: readonly Entry[]): void {
    assert(entries.length > 0, 'no entries');
    for (const entry of entries) {
      assert(testimony.at !== undefined);
      assert.equal(entry.seq, testimony.at.seq + 1, `after ${JSON.stringify(testimony.at)}`);
      assert.equal(entry.epoch, testimony.at.epoch);
      testimony.entries.push(entry);
      const confirmed = Math.floor(entry.at / 1000);
      testimony.at = { epoch: entry.epoch, seq: entry.seq, confirmed };
    }
  }
}
