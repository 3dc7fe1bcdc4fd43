import type { Action } from '../../embedded/contract.ts';
import { until } from '../deadline.ts';
import type { Browser } from './chromium.ts';

export type Counter =
  | 'lost'
  | 'duplicated'
  | 'delivered'
  | 'under-way'
  | 'gaps'
  | 'reconnects'
  | 'moves';

const DEADLINE_MS = 30_000;
/** Busy gateways ask clients to move at a tenth of the pace; who did not go is asked after 25 s. */
const HOME_MS = 90_000;

/** The demo page in a browser, in the words of somebody who looks at it. */
export class Demo {
  readonly #browser: Browser;

  constructor(browser: Browser) {
    this.#browser = browser;
  }

  /** Opens the page and waits until all of its clients are connected. */
  async open(url: string): Promise<void> {
    await this.#browser.page.goto(url);
    await this.happened(/clients are connected, each/);
  }

  /** Opens it again in the same tab; resolves to a counter as it first stood beside gateways. */
  async reload(name: Counter): Promise<number> {
    const { page } = this.#browser;
    const script = await page.addInitScript((id) => {
      new MutationObserver((_, observer) => {
        if (document.querySelector('[data-gateway]') === null) return;
        observer.disconnect();
        document.documentElement.dataset['first'] = document.getElementById(id)?.textContent ?? '';
      }).observe(document, { childList: true, subtree: true });
    }, name);
    await page.reload();
    await this.happened(/clients are connected, each/);
    await script.dispose();
    const first = await page.locator('html').getAttribute('data-first');
    return numberOf(first);
  }

  async counter(name: Counter): Promise<number> {
    return numberOf(await this.#browser.page.locator(`#${name}`).textContent());
  }

  async press(id: 'burst' | 'more-clients' | 'start-gateway'): Promise<void> {
    await this.#browser.page.locator(`#${id}`).click();
  }

  async act(gateway: number, action: Action): Promise<void> {
    await this.#card(gateway).locator(`[data-action="${action}"]`).click();
  }

  /** Moves your cursor through the room to a place in it, from 0 to 1. */
  async point(x: number, y: number): Promise<void> {
    const box = await this.#browser.page.locator('#room').boundingBox();
    if (box === null) throw new Error('the room is not shown');
    const { mouse } = this.#browser.page;
    await mouse.move(box.x + box.width * x, box.y + box.height * y, { steps: 12 });
  }

  async condition(gateway: number): Promise<string | null> {
    return this.#card(gateway).getAttribute('data-condition');
  }

  /** Which part of the ring's picture is in the colour of each gateway that has a card. */
  ringColours(): Promise<Record<number, number>> {
    return this.#browser.page.evaluate(() => {
      const canvas = document.querySelector<HTMLCanvasElement>('#ring');
      const data = canvas?.getContext('2d')?.getImageData(0, 0, canvas.width, canvas.height).data;
      const pixels = new Uint32Array(data?.buffer ?? new ArrayBuffer());
      // Without the dots around it, and without smooth edges.
      const width = canvas?.width ?? 0;
      const outer = width / 2 - 23 * devicePixelRatio;
      const counts = new Map<number, number>();
      let all = 0;
      for (const [place, pixel] of pixels.entries()) {
        const [x, y] = [(place % width) - width / 2, Math.floor(place / width) - width / 2];
        if (pixel >>> 24 < 255 || Math.hypot(x, y) > outer) continue;
        all += 1;
        counts.set(pixel & 0xffffff, (counts.get(pixel & 0xffffff) ?? 0) + 1);
      }
      const cards = [...document.querySelectorAll<HTMLElement>('[data-gateway]')];
      return Object.fromEntries(
        cards.map((card) => {
          const shown = getComputedStyle(card).borderTopColor;
          const [red = 0, green = 0, blue = 0] = (shown.match(/\d+/g) ?? []).map(Number);
          const colour = red | (green << 8) | (blue << 16);
          return [Number(card.dataset['gateway']), (counts.get(colour) ?? 0) / all];
        }),
      );
    });
  }

  /** The journal's lines, newest first. */
  journal(): Promise<string[]> {
    return this.#browser.page.locator('#journal li span').allTextContents();
  }

  /** Waits for a line of the journal. */
  happened(line: RegExp): Promise<string> {
    return until(async () => (await this.journal()).find((text) => line.test(text)), {
      for: `a line ${line} in the journal`,
      deadlineMs: DEADLINE_MS,
      everyMs: 100,
    });
  }

  /** Waits until each of so many clients is with the gateway that owns its shard. */
  async home(clients: number): Promise<void> {
    const told = this.#browser.page.locator('#ring-clients');
    const all = `${clients} of ${clients} clients are with the owner`;
    await until(async () => (await told.textContent())?.startsWith(all), {
      for: `${all} of their shard`,
      deadlineMs: HOME_MS,
      everyMs: 100,
    });
  }

  /** Waits until so many more were delivered than now: what was broken works again. */
  async deliveredMore(count: number): Promise<void> {
    const before = await this.counter('delivered');
    await until(async () => (await this.counter('delivered')) >= before + count, {
      for: `${count} more deliveries than ${before}`,
      deadlineMs: DEADLINE_MS,
      everyMs: 100,
    });
  }

  #card(gateway: number) {
    return this.#browser.page.locator(`[data-gateway="${gateway}"]`);
  }
}

/** NaN for what is not a number (yet). */
function numberOf(text: string | null): number {
  return text === null ? Number.NaN : Number.parseInt(text.replaceAll(',', ''), 10);
}
