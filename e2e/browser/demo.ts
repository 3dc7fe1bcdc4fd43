import type { Action } from '../../embedded/contract.ts';
import { until } from '../deadline.ts';
import type { Browser } from './chromium.ts';

export type Counter = 'lost' | 'duplicated' | 'delivered' | 'under-way' | 'gaps' | 'reconnects';

const DEADLINE_MS = 30_000;

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
