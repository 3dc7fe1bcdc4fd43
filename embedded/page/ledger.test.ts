import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Ledger } from './ledger.ts';

describe('the ledger', () => {
  it('counts each number once, however many there are', () => {
    const ledger = new Ledger();
    ledger.listens('s', ['p']);
    for (let i = 0; i < 3; i += 1) ledger.received('s', 'p', ledger.issue('p'));
    assert.deepEqual(ledger.counts(0), { delivered: 3, lost: 0, duplicated: 0, underWay: 0 });
  });

  it('sees a hole as lost until what fills it arrives late', () => {
    const ledger = new Ledger();
    ledger.listens('s', ['p']);
    for (let i = 0; i < 4; i += 1) ledger.issue('p');
    ledger.received('s', 'p', 1);
    ledger.received('s', 'p', 4);
    assert.equal(ledger.counts(0).lost, 2);
    ledger.received('s', 'p', 2);
    ledger.received('s', 'p', 3);
    assert.deepEqual(ledger.counts(0), { delivered: 4, lost: 0, duplicated: 0, underWay: 0 });
  });

  it('misses the first messages too, when the subscriber listened before they were issued', () => {
    const ledger = new Ledger();
    ledger.listens('s', ['p']);
    ledger.issue('p');
    ledger.issue('p');
    ledger.received('s', 'p', 2);
    assert.equal(ledger.counts(0).lost, 1);
  });

  it('asks for nothing that was issued before the subscriber listened', () => {
    const ledger = new Ledger();
    ledger.issue('p');
    ledger.issue('p');
    ledger.listens('s', ['p']);
    ledger.received('s', 'p', 2);
    ledger.received('s', 'p', ledger.issue('p'));
    assert.deepEqual(ledger.counts(0), { delivered: 2, lost: 0, duplicated: 0, underWay: 0 });
  });

  it('counts what comes twice', () => {
    const ledger = new Ledger();
    ledger.issue('p');
    ledger.listens('s', ['p']);
    ledger.received('s', 'p', 1);
    ledger.received('s', 'p', 1);
    ledger.received('s', 'p', ledger.issue('p'));
    ledger.received('s', 'p', 2);
    assert.equal(ledger.counts(0).duplicated, 2);
  });

  it('begins with the first number of a publisher of another page', () => {
    const ledger = new Ledger();
    ledger.received('s', 'other', 70);
    ledger.received('s', 'other', 72);
    assert.equal(ledger.counts(0).lost, 1);
  });

  it('calls an acknowledged message lost when a connected subscriber waits too long', () => {
    const ledger = new Ledger();
    ledger.listens('s', ['p']);
    ledger.acknowledged('p', ledger.issue('p'), 0);
    ledger.connection('s', 0);
    assert.deepEqual(ledger.counts(14_999), { delivered: 0, lost: 0, duplicated: 0, underWay: 1 });
    assert.deepEqual(ledger.counts(15_000), { delivered: 0, lost: 1, duplicated: 0, underWay: 0 });
    ledger.received('s', 'p', 1);
    assert.equal(ledger.counts(16_000).lost, 0);
  });

  it('waits for a subscriber that is not connected, or was not for long', () => {
    const ledger = new Ledger();
    ledger.listens('s', ['p']);
    ledger.acknowledged('p', ledger.issue('p'), 0);
    assert.equal(ledger.counts(60_000).lost, 0);
    ledger.connection('s', 55_000);
    assert.equal(ledger.counts(60_000).lost, 0);
    assert.equal(ledger.counts(70_000).lost, 1);
  });

  it('never calls a message lost that was not acknowledged', () => {
    const ledger = new Ledger();
    ledger.listens('s', ['p']);
    ledger.connection('s', 0);
    ledger.issue('p');
    assert.deepEqual(ledger.counts(90_000), { delivered: 0, lost: 0, duplicated: 0, underWay: 1 });
  });

  it('does not call a message lost whose publish ended unknown', () => {
    const ledger = new Ledger();
    ledger.listens('s', ['p']);
    for (let i = 0; i < 3; i += 1) ledger.issue('p');
    ledger.uncertain('p', 2);
    ledger.received('s', 'p', 1);
    ledger.received('s', 'p', 3);
    assert.equal(ledger.counts(0).lost, 0);
    ledger.received('s', 'p', 2);
    ledger.received('s', 'p', 2);
    assert.deepEqual(ledger.counts(0), { delivered: 3, lost: 0, duplicated: 1, underWay: 0 });
  });
});
