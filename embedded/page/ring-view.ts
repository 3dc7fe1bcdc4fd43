import { type Ring, SHARDS } from '../../protocol/ring.ts';
import type { GatewayView } from '../contract.ts';
import { byId, figure, make, setText } from './elements.ts';
import type { Dot } from './fleet-view.ts';
import { colourOf, ownOf, styleOf } from './gateway-colours.ts';
import { versionText } from './ring-follower.ts';
import {
  angleOf,
  type Cells,
  cellsOf,
  mixed,
  type Pixels,
  pixelOf,
  RingPicture,
} from './ring-picture.ts';

/** A connection of the page, and the shard of its key. */
export interface PlacedDot extends Dot {
  readonly shard: number;
}

/** Around the ring there is room for dots, in as many rows as may be needed. */
const MARGIN = 23;
const DOT_RADIUS = 3.6;
const DOT_ROWS = 3;
const DOT_PITCH = 7.5;
/** A change goes around the ring once while each shard that moves flares up. */
const SWEEP_MS = 700;
const FLARE_MS = 900;

interface Change {
  /** Of the cells that were shown before. */
  readonly from: Uint32Array;
  readonly began: number;
}

interface Row {
  readonly root: HTMLLIElement;
  readonly share: HTMLElement;
  readonly shards: HTMLElement;
}

/** Draws which gateway owns which shards, in the gateways' colours, and connections around them. */
export class RingView {
  readonly #canvas = byId('ring', HTMLCanvasElement);
  readonly #legend = byId('shares');
  readonly #rows = new Map<string, Row>();
  readonly #calm = matchMedia('(prefers-reduced-motion: reduce)');
  #picture: RingPicture | undefined;
  #image: ImageData | undefined;
  #ring: Ring | undefined;
  #gateways: readonly GatewayView[] = [];
  #answering = true;
  #dots: readonly PlacedDot[] = [];
  #cells: Cells = new Uint32Array(SHARDS);
  #change: Change | undefined;
  #drawing = false;

  constructor() {
    new ResizeObserver(() => this.#draw()).observe(this.#canvas);
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.#recolour());
  }

  /** The first one is shown at once: nothing is known of how it came about. */
  showRing(ring: Ring): void {
    const from = this.#cells;
    const first = this.#ring === undefined;
    this.#ring = ring;
    this.#recolour();
    if (first || this.#calm.matches) return;
    this.#change = { from, began: performance.now() };
    this.#draw();
  }

  showFleet(gateways: readonly GatewayView[], answering: boolean): void {
    this.#gateways = gateways;
    this.#answering = answering;
    this.#canvas.classList.toggle('unknown', !answering);
    this.#tell();
  }

  showConnections(dots: readonly PlacedDot[]): void {
    this.#dots = dots;
    this.#tell();
    this.#draw();
  }

  /** The colours of the page's theme, as they are now. */
  #recolour(): void {
    const ring = this.#ring;
    if (ring === undefined) return;
    const palette = ring.members.map(({ id }) => pixelOf(colourOf(id)));
    const colours = Uint32Array.from(ring.owners, (owner) => palette[owner] ?? 0);
    this.#cells = cellsOf(colours, this.#cells);
    this.#change = undefined;
    this.#tell();
    this.#draw();
  }

  /** In words and figures: beside the picture, and instead of it. */
  #tell(): void {
    const ring = this.#ring;
    if (ring === undefined) return;
    const counts = new Array<number>(ring.members.length).fill(0);
    for (const owner of ring.owners) counts[owner] = (counts[owner] ?? 0) + 1;
    const shares = ring.members.map(({ id }, place) => ({ id, shards: counts[place] ?? 0 }));
    this.#fillLegend(shares);
    const home = this.#dots.filter((dot) => this.#isHome(dot, ring)).length;
    const clients = this.#answering
      ? `${home} of ${this.#dots.length} clients are with the owner of their shard`
      : 'no gateway answers, and this is the last ring that one had';
    setText(byId('ring-version'), versionText(ring));
    const more = this.#answering ? ' Any gateway serves any client.' : '';
    setText(byId('ring-clients'), `${clients[0]?.toUpperCase()}${clients.slice(1)}.${more}`);
    const owned = shares.map(({ id, shards }) => `${id} owns ${percentText(shards)}`);
    this.#canvas.ariaLabel = `Version ${versionText(ring)}: ${owned.join(', ')}; ${clients}.`;
  }

  #isHome({ port, shard }: PlacedDot, { members, owners }: Ring): boolean {
    const gateway = this.#gateways.find((candidate) => candidate.port === port);
    return gateway !== undefined && members[owners[shard] ?? -1]?.id === gateway.name;
  }

  #fillLegend(shares: readonly { readonly id: string; readonly shards: number }[]): void {
    for (const { id, shards } of shares) {
      const row = this.#rows.get(id) ?? this.#addRow(id);
      setText(row.share, percentText(shards));
      setText(row.shards, figure(shards));
    }
    for (const [id, { root }] of this.#rows) {
      if (shares.some((share) => share.id === id)) continue;
      root.remove();
      this.#rows.delete(id);
    }
  }

  #addRow(id: string): Row {
    const root = make('li');
    root.dataset['member'] = id;
    root.style.setProperty('--own', ownOf(id));
    const share = make('span', { class: 'share' });
    const shards = make('span', { class: 'shards' });
    root.append(make('span', { class: 'who', text: id }), share, shards);
    this.#rows.set(id, { root, share, shards });
    this.#legend.append(root);
    return this.#rows.get(id) as Row;
  }

  /** At most once per frame, and on as long as something changes. */
  #draw(): void {
    if (this.#drawing) return;
    this.#drawing = true;
    requestAnimationFrame((now) => {
      this.#drawing = false;
      this.#drawNow(now);
      if (this.#change !== undefined) this.#draw();
    });
  }

  #drawNow(now: number): void {
    const context = this.#prepare();
    const picture = this.#picture;
    const image = this.#image;
    if (context === undefined || picture === undefined || image === undefined) return;
    const pixels: Pixels = new Uint32Array(image.data.buffer);
    picture.paint(pixels, this.#shownColours(now));
    const offset = Math.round((this.#canvas.width - picture.size) / 2);
    context.putImageData(image, offset, offset);
    this.#drawDots(context);
  }

  #shownColours(now: number): Cells {
    const change = this.#change;
    if (change === undefined) return this.#cells;
    const elapsed = now - change.began;
    if (elapsed > SWEEP_MS + FLARE_MS) {
      this.#change = undefined;
      return this.#cells;
    }
    const bright = pixelOf(styleOf('--text'));
    return this.#cells.map((to, cell) => {
      const from = change.from[cell] ?? to;
      if (from === to) return to;
      const age = (elapsed - (cell / SHARDS) * SWEEP_MS) / FLARE_MS;
      if (age <= 0) return from;
      if (age >= 1) return to;
      return age < 0.3 ? mixed(from, bright, age / 0.3) : mixed(bright, to, (age - 0.3) / 0.7);
    });
  }

  /** Makes the canvas as sharp as the screen, and clears it. */
  #prepare(): CanvasRenderingContext2D | undefined {
    const canvas = this.#canvas;
    const scale = devicePixelRatio || 1;
    const width = Math.round(canvas.clientWidth * scale);
    const size = width - 2 * Math.round(MARGIN * scale);
    if (size <= 0) return undefined;
    if (canvas.width !== width) [canvas.width, canvas.height] = [width, width];
    const context = canvas.getContext('2d') ?? undefined;
    if (context === undefined) return undefined;
    context.setTransform(scale, 0, 0, scale, 0, 0);
    context.clearRect(0, 0, canvas.clientWidth, canvas.clientWidth);
    if (this.#picture?.size !== size) {
      this.#picture = new RingPicture(size);
      this.#image = context.createImageData(size, size);
    }
    return context;
  }

  #drawDots(context: CanvasRenderingContext2D): void {
    const middle = this.#canvas.clientWidth / 2;
    const inner = middle - MARGIN + DOT_RADIUS + 2.5;
    /** Where the last dot of each row stands, in pixels along the circle. */
    const ends = new Array<number>(DOT_ROWS).fill(Number.NEGATIVE_INFINITY);
    for (const dot of this.#dots.toSorted((a, b) => a.shard - b.shard)) {
      const along = angleOf(dot.shard) * inner;
      const free = ends.findIndex((end) => along - end >= DOT_PITCH);
      const row = Math.max(0, free);
      ends[row] = along;
      const radius = inner + row * DOT_PITCH;
      const x = middle + Math.sin(angleOf(dot.shard)) * radius;
      const y = middle - Math.cos(angleOf(dot.shard)) * radius;
      this.#drawDot(context, dot, { x, y });
    }
  }

  #drawDot(
    context: CanvasRenderingContext2D,
    { port, you }: PlacedDot,
    { x, y }: { readonly x: number; readonly y: number },
  ): void {
    const gateway = this.#gateways.find((candidate) => candidate.port === port);
    const colour = gateway === undefined ? styleOf('--quiet') : colourOf(gateway.name);
    context.beginPath();
    context.arc(x, y, DOT_RADIUS, 0, Math.PI * 2);
    context.fillStyle = colour;
    context.strokeStyle = you ? styleOf('--text') : colour;
    context.lineWidth = 1.6;
    // Between two gateways it is hollow.
    if (gateway !== undefined) context.fill();
    if (gateway === undefined || you) context.stroke();
  }
}

const percent = new Intl.NumberFormat('en', { style: 'percent', minimumFractionDigits: 1 });

function percentText(shards: number): string {
  return percent.format(shards / SHARDS);
}
