import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Batch } from '../hub/hub.ts';
import { encodingOf } from './encoding.ts';
import { type Notice, Outbox, type OutboxOwner } from './outbox.ts';
import { FakeSocket } from './testing/fake-socket.ts';

class Owner implements OutboxOwner {
  identity = undefined;
  sessionName = '';
  readonly notices: Notice[] = [];
  slow = 0;
  overflows = 0;
  written = 0;
  lasts = 0;

  onNotice(notice: Notice): void {
    this.notices.push(notice);
  }

  onSlow(): void {
    this.slow += 1;
  }

  onOverflow(): void {
    this.overflows += 1;
  }

  onWritten(): void {
    this.written += 1;
  }

  onLast(): void {
    this.lasts += 1;
  }
}

const LIMIT = 16 * 1024;

function newOutbox(subprotocol?: string) {
  const owner = new Owner();
  const socket = new FakeSocket();
  const encoding = encodingOf(subprotocol);
  return { owner, socket, outbox: new Outbox(owner, { socket, encoding, limit: LIMIT }) };
}

function batch(count: number, bytes = 10): Batch {
  const data = { encoding: 'json', bytes: Buffer.from(`"${'x'.repeat(bytes)}"`) } as const;
  const entries = Array.from({ length: count }, (_, index) => {
    return { epoch: 'e', seq: index + 1, at: 1_000, data };
  });
  return { kind: 'entries', topic: 't', entries, frames: [] };
}

describe('an outbox', () => {
  it('encodes a batch once per codec and writes the same bytes to everyone', () => {
    const [first, second] = [newOutbox(), newOutbox()];
    const binary = newOutbox('wscluster.v1.msgpack');
    const shared = batch(3);
    for (const { outbox } of [first, second, binary]) {
      assert.ok(outbox.deliver(shared));
      outbox.flush();
    }
    assert.equal(first.socket.written.length, 1, 'three frames, one write');
    assert.equal(first.socket.written[0], second.socket.written[0], 'the very same bytes');
    assert.notEqual(first.socket.written[0], binary.socket.written[0]);
    assert.equal(shared.frames.filter((frames) => frames !== undefined).length, 2);
  });

  it('writes what came in one turn in order and at once', () => {
    const { outbox, socket } = newOutbox();
    outbox.push({ type: 'pong', at: 1 });
    outbox.deliver(batch(1));
    outbox.push({ type: 'pong', at: 2 });
    assert.equal(socket.written.length, 0, 'nothing before the end of the turn');
    outbox.flush();
    outbox.flush();
    assert.equal(socket.written.length, 1);
    const text = Buffer.from(socket.written[0] ?? []).toString();
    assert.match(text, /"at":1}.*"msg".*"at":2}/s);
  });

  it('is slow above its limit, asks for the drain once, and is fast again after it', () => {
    const { outbox, socket, owner } = newOutbox();
    assert.equal(outbox.deliver(batch(1, LIMIT)), false);
    assert.equal(outbox.slow, true);
    assert.equal(owner.slow, 1);
    outbox.flush();
    outbox.push({ type: 'pong', at: 1 });
    outbox.flush();
    assert.equal(socket.drainsAsked, 1);
    assert.equal(outbox.drained(), true);
    assert.equal(outbox.drained(), false);
    assert.equal(outbox.deliver(batch(1)), true);
    assert.equal(outbox.slow, false);
  });

  it('counts what the kernel did not take', () => {
    const { outbox, socket, owner } = newOutbox();
    socket.buffered = LIMIT;
    outbox.push({ type: 'pong', at: 1 });
    outbox.flush();
    assert.equal(owner.slow, 0, 'that write found room');
    outbox.push({ type: 'pong', at: 1 });
    assert.equal(owner.slow, 1, 'answers alone can make a client slow');
    outbox.flush();
    assert.equal(socket.drainsAsked, 1);
    assert.equal(outbox.deliver(batch(1)), false);
  });

  it('ends a client that lets answers pile up', () => {
    const { outbox, socket, owner } = newOutbox();
    socket.buffered = LIMIT;
    outbox.push({ type: 'pong', at: 0 });
    outbox.flush();
    for (let bytes = 0; bytes <= LIMIT + 200; bytes += 20) outbox.push({ type: 'pong', at: 1 });
    assert.ok(owner.overflows > 0);
  });

  it('knows whether a slow client reads anything', () => {
    const { outbox, socket } = newOutbox();
    assert.equal(outbox.due, Number.POSITIVE_INFINITY);
    assert.equal(outbox.watch(100), true, 'the first look is the start');
    assert.equal(outbox.due, 100);
    socket.progress += 1;
    assert.equal(outbox.watch(200), true);
    assert.equal(outbox.watch(300), false);
  });

  it('joins small frames and does not copy large ones', () => {
    const { outbox, socket } = newOutbox();
    const large = batch(1, 100_000);
    outbox.deliver(large);
    outbox.deliver(batch(1));
    outbox.flush();
    assert.equal(socket.written.length, 2);
    assert.equal(socket.written[0], large.frames[0]);
  });

  it('writes nothing after its end and holds nobody up', () => {
    const { outbox, socket, owner } = newOutbox();
    outbox.push({ type: 'pong', at: 1 });
    outbox.close();
    assert.equal(outbox.deliver(batch(1, LIMIT * 2)), true);
    outbox.flush();
    assert.equal(socket.written.length, 0);
    assert.equal(owner.slow, 0);
  });

  it('leaves it to its owner when to write to a peer that may be dead', () => {
    const { outbox, socket, owner } = newOutbox();
    outbox.last = true;
    outbox.deliver(batch(1));
    outbox.flush();
    assert.equal(socket.written.length, 0);
    assert.equal(owner.lasts, 1);
    outbox.flushNow();
    assert.equal(socket.written.length, 1);
    outbox.flush();
    assert.equal(owner.lasts, 1, 'there was nothing to write');
    outbox.last = false;
    outbox.deliver(batch(1));
    outbox.flush();
    assert.equal(socket.written.length, 2);
  });

  it('asks for the drain of a slow one that is last too', () => {
    const { outbox, socket } = newOutbox();
    outbox.last = true;
    assert.equal(outbox.deliver(batch(1, LIMIT)), false);
    outbox.flush();
    outbox.flushNow();
    assert.equal(socket.drainsAsked, 1);
  });

  it('tells of writes only while it is watched', () => {
    const { outbox, owner } = newOutbox();
    outbox.deliver(batch(1));
    outbox.flush();
    outbox.watched = true;
    outbox.deliver(batch(1));
    outbox.flush();
    assert.equal(owner.written, 1);
  });
});
