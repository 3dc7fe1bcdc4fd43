import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { firstRing, movedShards, nextRing, SHARDS } from '../../protocol/ring.ts';
import { type Cells, cellsOf, mixed, pixelOf, RingPicture } from './ring-picture.ts';

const COLOURS = ['#2dd4bf', '#818cf8', '#fbbf24', '#f472b6', '#a3e635'].map(pixelOf);
const members = (ids: readonly number[]) =>
  ids.map((id) => ({ id: `gateway-${id}`, weight: 1, zone: '', address: 'a:1' }));

const coloursOf = (ring: ReturnType<typeof firstRing>): Cells =>
  Uint32Array.from(ring.owners, (owner) => {
    const id = ring.members[owner]?.id ?? '';
    return COLOURS[Number(id.slice('gateway-'.length))] ?? 0;
  });

const tally = (cells: Uint32Array) => {
  const counts = new Map<number, number>();
  for (const colour of cells) counts.set(colour, (counts.get(colour) ?? 0) + 1);
  return counts;
};

/** Of the opaque pixels. */
const shareOf = (colour: number, pixels: Uint32Array) => {
  const opaque = pixels.filter((pixel) => pixel >>> 24 === 255);
  return (tally(opaque).get(colour) ?? 0) / opaque.length;
};

describe('the picture of a ring', () => {
  it('has a cell for each shard, and changes no more cells than shards moved', () => {
    const someMembers = fc.uniqueArray(fc.nat(COLOURS.length - 1), { minLength: 1 });
    fc.assert(
      fc.property(fc.array(someMembers, { minLength: 2, maxLength: 5 }), (history) => {
        const [first = [0], ...rest] = history;
        let ring = firstRing(
          { cluster: 'chat', version: { generation: 1, counter: 1 } },
          members(first),
        );
        let cells = cellsOf(coloursOf(ring), new Uint32Array(SHARDS));
        for (const next of rest) {
          const after = nextRing(ring, members(next), {
            generation: 1,
            counter: ring.version.counter + 1,
          });
          const shown = cellsOf(coloursOf(after), cells);
          assert.deepEqual(tally(shown), tally(coloursOf(after)));
          const changed = shown.filter((colour, cell) => colour !== cells[cell]).length;
          assert.ok(changed <= movedShards(ring, after), `${changed} cells changed`);
          [ring, cells] = [after, shown];
        }
      }),
      { numRuns: 20 },
    );
  });

  it('gives each cell its part of an annulus', () => {
    const size = 400;
    const pixels = new Uint32Array(size * size);
    const [upper, lower] = [pixelOf('#ff0000'), pixelOf('#0000ff')];
    // From the top clockwise: the first half of the shards is on the right.
    const cells = new Uint32Array(SHARDS).fill(lower).fill(upper, 0, SHARDS / 2);
    new RingPicture(size).paint(pixels, cells);
    const at = (x: number, y: number) => pixels[y * size + x];
    assert.equal(at(size - 20, 200), upper);
    assert.equal(at(20, 200), lower);
    assert.equal(at(200, 200), 0, 'a hole');
    assert.equal(at(5, 5), 0, 'a corner');
    assert.ok(Math.abs(shareOf(upper, pixels) - 0.5) < 0.005);
    // The inner ones of each sector.
    const inner = cells.map((_, cell) => (cell % 32 < 8 ? upper : lower));
    new RingPicture(size).paint(pixels, inner);
    assert.ok(Math.abs(shareOf(upper, pixels) - 0.25) < 0.01);
  });

  it('mixes colours channel by channel', () => {
    assert.equal(pixelOf('#010203'), 0xff030201);
    assert.equal(mixed(pixelOf('#000000'), pixelOf('#ff8000'), 0.5), pixelOf('#804000'));
    assert.equal(mixed(pixelOf('#123456'), pixelOf('#abcdef'), 1), pixelOf('#abcdef'));
  });
});
