import { byId } from './elements.ts';
import type { Point } from './walk.ts';

/** Somebody in the room, as the messages of the room tell. */
interface Cursor {
  readonly name: string;
  readonly colour: string;
  readonly you: boolean;
  target: Point;
  shown: Point;
  seenAt: number;
  readonly trail: Point[];
}

interface Ripple {
  readonly at: Point;
  readonly colour: string;
  readonly since: number;
}

/** What a message of the room says about its sender. */
export interface Sighting {
  readonly key: string;
  readonly name: string;
  readonly colour: string;
  readonly you: boolean;
  readonly at: Point;
  readonly click: boolean;
}

/** Somebody of whom nothing was heard for this long has left. */
const GONE_MS = 10_000;
/** About the time between two messages of one cursor: movement fills it. */
const GLIDE_MS = 260;
/** Between two pictures for whoever wants little movement. */
const CALM_MS = 250;
const TRAIL = 22;
const RIPPLE_MS = 900;
const RIPPLES_MAX = 50;
const CURSORS_MAX = 400;

/** Draws everybody's cursor where the last received message put it. */
export class RoomView {
  readonly #canvas = byId('room', HTMLCanvasElement);
  readonly #cursors = new Map<string, Cursor>();
  readonly #ripples: Ripple[] = [];
  readonly #calm = matchMedia('(prefers-reduced-motion: reduce)');
  #drawnAt = 0;

  /** `onMove`: where the person points, at most once per frame; `click` when pressed. */
  constructor(onMove: (at: Point, click: boolean) => void) {
    const report = (event: PointerEvent) => {
      const box = this.#canvas.getBoundingClientRect();
      const x = Math.min(1, Math.max(0, (event.clientX - box.left) / box.width));
      const y = Math.min(1, Math.max(0, (event.clientY - box.top) / box.height));
      onMove({ x, y }, event.type === 'pointerdown');
    };
    this.#canvas.addEventListener('pointermove', report);
    this.#canvas.addEventListener('pointerdown', report);
    const draw = (now: number) => {
      if (this.#isDue(now)) this.#draw(now);
      requestAnimationFrame(draw);
    };
    requestAnimationFrame(draw);
  }

  get present(): number {
    return this.#cursors.size;
  }

  see({ key, name, colour, you, at, click }: Sighting): void {
    const seenAt = performance.now();
    const known = this.#cursors.get(key);
    if (known !== undefined) {
      known.target = at;
      known.seenAt = seenAt;
    } else if (this.#cursors.size < CURSORS_MAX) {
      this.#cursors.set(key, { name, colour, you, target: at, shown: at, seenAt, trail: [] });
    }
    if (!click) return;
    this.#ripples.push({ at, colour, since: seenAt });
    if (this.#ripples.length > RIPPLES_MAX) this.#ripples.shift();
  }

  /** Without movement between two messages there is nothing to draw in most frames. */
  #isDue(now: number): boolean {
    return !this.#calm.matches || now - this.#drawnAt >= CALM_MS;
  }

  #draw(now: number): void {
    const context = this.#prepare();
    if (context === undefined) return;
    const { clientWidth: width, clientHeight: height } = this.#canvas;
    const share = Math.min(1, (now - this.#drawnAt) / GLIDE_MS);
    this.#drawnAt = now;
    for (const [key, cursor] of this.#cursors) {
      if (now - cursor.seenAt > GONE_MS) {
        this.#cursors.delete(key);
        continue;
      }
      this.#move(cursor, share);
      const place = ({ x, y }: Point): Point => ({ x: x * width, y: y * height });
      if (!this.#calm.matches) drawTrail(context, cursor, place);
      drawCursor(context, cursor, place(cursor.shown));
    }
    for (const ripple of this.#ripples) {
      drawRipple(context, ripple, { now, width, height });
    }
  }

  #move(cursor: Cursor, share: number): void {
    const step = this.#calm.matches ? 1 : share;
    const { shown, target } = cursor;
    cursor.shown = {
      x: shown.x + (target.x - shown.x) * step,
      y: shown.y + (target.y - shown.y) * step,
    };
    cursor.trail.push(cursor.shown);
    if (cursor.trail.length > TRAIL) cursor.trail.shift();
  }

  /** Makes the canvas as sharp as the screen, and clears it. */
  #prepare(): CanvasRenderingContext2D | undefined {
    const canvas = this.#canvas;
    const scale = devicePixelRatio || 1;
    const width = Math.round(canvas.clientWidth * scale);
    const height = Math.round(canvas.clientHeight * scale);
    if (width === 0 || height === 0) return undefined;
    if (canvas.width !== width) canvas.width = width;
    if (canvas.height !== height) canvas.height = height;
    const context = canvas.getContext('2d') ?? undefined;
    context?.setTransform(scale, 0, 0, scale, 0, 0);
    context?.clearRect(0, 0, width, height);
    return context;
  }
}

function drawTrail(
  context: CanvasRenderingContext2D,
  { trail, colour }: Cursor,
  place: (point: Point) => Point,
): void {
  context.strokeStyle = colour;
  context.lineCap = 'round';
  for (let index = 1; index < trail.length; index += 1) {
    const from = trail[index - 1];
    const to = trail[index];
    if (from === undefined || to === undefined) continue;
    const a = place(from);
    const b = place(to);
    context.globalAlpha = (index / trail.length) * 0.35;
    context.lineWidth = (index / trail.length) * 4;
    context.beginPath();
    context.moveTo(a.x, a.y);
    context.lineTo(b.x, b.y);
    context.stroke();
  }
  context.globalAlpha = 1;
}

function drawCursor(context: CanvasRenderingContext2D, cursor: Cursor, { x, y }: Point): void {
  const { colour, name, you } = cursor;
  context.fillStyle = colour;
  context.beginPath();
  context.moveTo(x, y);
  context.lineTo(x + 4.6, y + 14.5);
  context.lineTo(x + 7.6, y + 8.6);
  context.lineTo(x + 13.8, y + 6.4);
  context.closePath();
  context.fill();
  if (you) {
    context.strokeStyle = colour;
    context.lineWidth = 2;
    context.beginPath();
    context.arc(x, y, 13, 0, Math.PI * 2);
    context.stroke();
  }
  drawLabel(context, { text: name, colour, at: { x: x + 12, y: y + 15 } });
}

interface Label {
  readonly text: string;
  readonly colour: string;
  readonly at: Point;
}

function drawLabel(context: CanvasRenderingContext2D, { text, colour, at: wanted }: Label): void {
  context.font = '600 11px system-ui, "Liberation Sans", sans-serif';
  const width = context.measureText(text).width + 12;
  const { clientWidth, clientHeight } = context.canvas;
  const at = {
    x: Math.min(wanted.x, clientWidth - width),
    y: Math.min(wanted.y, clientHeight - 17),
  };
  context.fillStyle = colour;
  context.beginPath();
  context.roundRect(at.x, at.y, width, 17, 8.5);
  context.fill();
  context.fillStyle = '#0b1220';
  context.fillText(text, at.x + 6, at.y + 12.4);
}

function drawRipple(
  context: CanvasRenderingContext2D,
  { at, colour, since }: Ripple,
  { now, width, height }: { now: number; width: number; height: number },
): void {
  const age = (now - since) / RIPPLE_MS;
  if (age < 0 || age > 1) return;
  context.strokeStyle = colour;
  context.globalAlpha = 1 - age;
  context.lineWidth = 2.5;
  context.beginPath();
  context.arc(at.x * width, at.y * height, 6 + age * 46, 0, Math.PI * 2);
  context.stroke();
  context.globalAlpha = 1;
}
