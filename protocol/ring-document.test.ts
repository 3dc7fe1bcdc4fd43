import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { firstRing, type Member, SHARDS } from './ring.ts';
import { decodeRing, encodeRing, ringDigest, ringDocumentBytes } from './ring-document.ts';

const member = (n: number): Member => ({
  id: `chat-gateway-7d9f8b6c5d-${String(n).padStart(5, 'x')}`,
  weight: (n % 7) + 1,
  zone: `eu-west-1${'abc'[n % 3]}`,
  address: `10.244.${n >> 8}.${n & 255}:8080`,
});

const ringOf = (count: number, version = { generation: 3, counter: 17 }) =>
  firstRing(
    { cluster: '5f0c7a52-0b57-4d0c-8ea1-1f6c2c4a9d11', version },
    Array.from({ length: count }, (_, n) => member(n)),
  );

describe('the ring document', () => {
  it('reads what it wrote, for any number of members', () => {
    for (const count of [1, 2, 3, 4, 5, 16, 17, 64, 500, 1_000]) {
      const ring = ringOf(count);
      assert.deepEqual(decodeRing(encodeRing(ring)), ring, `${count} members`);
    }
  });

  it('is at most 64 KiB at 500 members with names as pods have them', () => {
    assert.ok(encodeRing(ringOf(500)).length <= 64 * 1024);
    assert.ok(encodeRing(ringOf(1_000)).length < ringDocumentBytes);
  });

  it('has one digest for one ring, another for another', () => {
    assert.equal(ringDigest(encodeRing(ringOf(3))), ringDigest(encodeRing(ringOf(3))));
    const other = encodeRing(ringOf(3, { generation: 3, counter: 18 }));
    assert.notEqual(ringDigest(encodeRing(ringOf(3))), ringDigest(other));
  });

  const changed = (change: (fields: Record<string, unknown>) => void): string => {
    const fields = JSON.parse(encodeRing(ringOf(3))) as Record<string, unknown>;
    change(fields);
    return JSON.stringify(fields);
  };
  const withMembers = (change: (list: unknown[][]) => void) =>
    changed((fields) => change(fields['members'] as unknown[][]));

  const wrong: Record<string, [string, RegExp]> = {
    'no JSON': ['{', /not JSON/],
    'an array': ['[]', /not an object/],
    'another format': [changed((fields) => (fields['format'] = 2)), /format must be 1, not 2/],
    'a cluster that is no UID': [changed((fields) => (fields['cluster'] = 'a b')), /cluster/],
    'a version below 0': [changed((fields) => (fields['version'] = [1, -1])), /version/],
    'a version of fractions': [changed((fields) => (fields['version'] = [1, 0.5])), /version/],
    'no members': [changed((fields) => (fields['members'] = [])), /at least one member/],
    'a zone beyond the table': [withMembers(([first]) => first?.splice(2, 1, 9)), /zone of chat/],
    'weight zero': [withMembers(([first]) => first?.splice(1, 1, 0)), /weight of chat/],
    'members in another order': [withMembers((list) => list.reverse()), /sorted by id/],
    'a member twice': [withMembers((list) => (list[1] = list[0] ?? [])), /sorted by id, each/],
    'a member with a field more': [withMembers(([first]) => first?.push(1)), /must be \[id/],
    'owners of another length': [
      changed((fields) => (fields['owners'] = 'AAAA')),
      /owners must be/,
    ],
    'an owner who is no member': [
      changed((fields) => (fields['owners'] = '_'.repeat((SHARDS * 2) / 6 + 1))),
      /owner who is no member/,
    ],
    'a field that it does not know': [changed((fields) => (fields['x'] = 1)), /one spelling/],
    'a zone that nobody is in': [
      changed((fields) => (fields['zones'] as string[]).push('z')),
      /one spelling/,
    ],
    'white space': [` ${encodeRing(ringOf(3))}`, /one spelling/],
    'too much': [' '.repeat(ringDocumentBytes + 1), /longer than/],
  };
  for (const [name, [document, message]] of Object.entries(wrong)) {
    it(`refuses ${name}`, () => {
      assert.throws(() => decodeRing(document), { name: 'RingDocumentError', message });
    });
  }

  it('answers any text with its own error', () => {
    const text = encodeRing(ringOf(2));
    const cut = fc
      .tuple(fc.nat(text.length), fc.nat(40), fc.string())
      .map(([at, length, put]) => text.slice(0, at) + put + text.slice(at + length));
    fc.assert(
      fc.property(fc.oneof(fc.json(), fc.string(), cut), (document) => {
        try {
          assert.equal(encodeRing(decodeRing(document)), document);
        } catch (error) {
          assert.equal((error as Error).name, 'RingDocumentError', document);
        }
      }),
      { numRuns: 1_000 },
    );
  });
});
