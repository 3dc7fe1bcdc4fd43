import { SHARDS } from '../../protocol/ring.ts';

/** Pixels as an `ImageData` has them, read as whole numbers: 0xaabbggrr. */
export type Pixels = Uint32Array<ArrayBuffer>;

/** A colour for each. */
export type Cells = Uint32Array<ArrayBuffer>;

/** Shards that are drawn from the inside out; their number goes around, from the top. */
const LAYERS = 32;
const SECTORS = SHARDS / LAYERS;
/** Of the outer radius. */
const HOLE = 0.6;

/**
 * Cells in the order of shards, each in a colour: the colours of the `LAYERS` shards of a sector
 * are those of its cells, in whatever order. Shards that gateways own in turn would be grey from
 * afar; so equal colours stand together, and yet no more cells change than shards do.
 */
export function cellsOf(colours: Uint32Array, before: Uint32Array): Cells {
  const cells = new Uint32Array(SHARDS);
  for (let first = 0; first < SHARDS; first += LAYERS) {
    const left = new Map<number, number>();
    for (const colour of colours.subarray(first, first + LAYERS).toSorted()) {
      left.set(colour, (left.get(colour) ?? 0) + 1);
    }
    const open: number[] = [];
    for (let cell = first; cell < first + LAYERS; cell += 1) {
      const colour = before[cell] as number;
      const count = left.get(colour) ?? 0;
      if (count === 0) open.push(cell);
      else {
        cells[cell] = colour;
        left.set(colour, count - 1);
      }
    }
    const young = [...left].flatMap(([colour, count]) => new Array<number>(count).fill(colour));
    for (const [index, cell] of open.entries()) cells[cell] = young[index] as number;
  }
  return cells;
}

/**
 * The cells as an annulus of pixels: which cell each pixel shows is found once for a size, so
 * that a frame is one pass over them.
 */
export class RingPicture {
  /** Width and height of the square that it fills, in pixels. */
  readonly size: number;
  /** For each pixel its cell; -1: outside. */
  readonly #cells: Int16Array;
  /** 0 … 255: the edges are smooth. */
  readonly #alphas: Uint8Array;

  constructor(size: number) {
    this.size = size;
    this.#cells = new Int16Array(size * size).fill(-1);
    this.#alphas = new Uint8Array(size * size);
    const outer = size / 2;
    const inner = outer * HOLE;
    for (let y = 0; y < size; y += 1) {
      for (let x = 0; x < size; x += 1) {
        const [right, down] = [x + 0.5 - outer, y + 0.5 - outer];
        const radius = Math.hypot(right, down);
        const alpha = Math.min(outer - radius, radius - inner, 1);
        if (alpha <= 0) continue;
        const turn = Math.atan2(right, -down) / (2 * Math.PI);
        const sector = Math.floor((turn < 0 ? turn + 1 : turn) * SECTORS) % SECTORS;
        // Of equal areas: what is seen of a colour is its share.
        const layer = Math.floor(((radius ** 2 - inner ** 2) / (outer ** 2 - inner ** 2)) * LAYERS);
        const pixel = y * size + x;
        this.#cells[pixel] = sector * LAYERS + Math.min(LAYERS - 1, Math.max(0, layer));
        this.#alphas[pixel] = Math.round(alpha * 255);
      }
    }
  }

  /** `colours`: one for each cell. */
  paint(pixels: Pixels, colours: Uint32Array): void {
    for (const [pixel, cell] of this.#cells.entries()) {
      if (cell < 0) continue;
      const colour = (colours[cell] as number) & 0x00ffffff;
      pixels[pixel] = colour | ((this.#alphas[pixel] as number) << 24);
    }
  }
}

/** Where a shard is on the circle: radians clockwise from the top. */
export function angleOf(shard: number): number {
  return ((shard + 0.5) / SHARDS) * 2 * Math.PI;
}

/** `#rrggbb` as a pixel. */
export function pixelOf(colour: string): number {
  const [red, green, blue] = [1, 3, 5].map((at) => Number.parseInt(colour.slice(at, at + 2), 16));
  return ((255 << 24) | ((blue ?? 0) << 16) | ((green ?? 0) << 8) | (red ?? 0)) >>> 0;
}

/** `share` of 1 is `to`. */
export function mixed(from: number, to: number, share: number): number {
  let pixel = 0xff;
  for (const shift of [16, 8, 0]) {
    const [a, b] = [(from >>> shift) & 0xff, (to >>> shift) & 0xff];
    pixel = (pixel << 8) | Math.round(a + (b - a) * share);
  }
  return pixel >>> 0;
}
