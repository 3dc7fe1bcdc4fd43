import assert from 'node:assert/strict';
import { it } from 'node:test';
import fc from 'fast-check';
import type { Position } from '../../protocol/position.ts';
import { turn } from '../../protocol/testing/manual-clock.ts';
import { silentEdgeCounts } from './counts.ts';
import { Session, type SessionOwner } from './session.ts';
import { FakeStream } from './testing/fake-stream.ts';

const key = { identity: 'ann', session: 'me' };
const TOPICS = ['a', 'b'] as const;

/** A client on a wire: what was written, up to where it read, and what it answered. */
class Wire implements SessionOwner {
  readonly written = new Map<string, number>();
  /** For each marker on the wire: what stood before it. */
  readonly markers = new Map<number, Map<string, number>>();
  /** What the client has surely read. */
  readonly read = new Map<string, number>();
  #counter = 0;

  positions(): Map<string, Position> {
    return new Map(
      Array.from(this.written, ([topic, seq]) => [topic, { epoch: 'e', seq, confirmed: 1 }]),
    );
  }

  mark(): number {
    this.#counter += 1;
    this.markers.set(this.#counter, new Map(this.written));
    return this.#counter;
  }

  /** The client reads up to the newest marker of `share` of those on the wire. */
  answer(share: number): number {
    const counter = Math.ceil(this.#counter * share);
    for (const [topic, seq] of this.markers.get(counter) ?? []) {
      this.read.set(topic, Math.max(seq, this.read.get(topic) ?? 0));
    }
    return counter;
  }

  plan(): void {}
  onSettled(): void {}
  onTaken(): void {}
}

const step = fc.oneof(
  fc.record({ do: fc.constant('write' as const), topic: fc.constantFrom(...TOPICS) }),
  fc.record({
    do: fc.constant('answer' as const),
    share: fc.double({ min: 0, max: 1, noNaN: true }),
  }),
  fc.record({ do: fc.constant('wait' as const), ms: fc.integer({ min: 1, max: 3_000 }) }),
  fc.record({ do: fc.constant('store' as const), down: fc.boolean() }),
);

it('never saves what the client has not proved to have read, and in the end all that it has', () =>
  fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60, size: 'max' }), async (steps) => {
      const stream = new FakeStream();
      const wire = new Wire();
      const { generation, cursors } = await stream.open(key);
      const session = new Session(
        {
          owner: wire,
          store: stream,
          counts: silentEdgeCounts,
          markerMs: 1_000,
          refreshS: 900,
          topics: 1_000,
          onForgotten: () => {},
        },
        { key, generation, cursors, acks: false },
      );
      let now = 0;
      const run = async (ms: number) => {
        const end = now + ms;
        for (let turns = 0; session.due <= end && turns < 50; turns += 1) {
          now = Math.max(now, session.due);
          session.onTime(now);
          await turn();
        }
        now = end;
      };
      const savedOf = (topic: string) =>
        stream.saved.flatMap(({ changed }) => changed.get(topic)?.seq ?? []);
      const check = () => {
        for (const topic of TOPICS) {
          const saved = savedOf(topic);
          for (const seq of saved) assert.ok(seq <= (wire.read.get(topic) ?? 0), `${topic} ${seq}`);
          assert.deepEqual(
            saved,
            saved.toSorted((one, other) => one - other),
            'never back',
          );
        }
      };
      for (const each of steps) {
        if (each.do === 'write') {
          wire.written.set(each.topic, (wire.written.get(each.topic) ?? 0) + 1);
          session.written(now);
        } else if (each.do === 'answer') {
          session.answered(wire.answer(each.share), now);
        } else if (each.do === 'store') {
          stream.down = each.down;
        } else {
          await run(each.ms);
        }
        check();
      }
      stream.down = false;
      for (let round = 0; round < 4; round += 1) {
        await run(3_000);
        session.answered(wire.answer(1), now);
      }
      await run(3_000);
      check();
      for (const [topic, seq] of wire.written) assert.equal(savedOf(topic).at(-1), seq);
    }),
    { numRuns: 300 },
  ));
