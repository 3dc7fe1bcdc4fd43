import { accessSync, constants } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type BrowserContext, chromium, type Page } from 'playwright-core';

const PATH = process.env['CHROMIUM'] ?? '/usr/bin/chromium';

/** Why no browser can be started here, or false: what `skip` of a test wants. */
export function chromiumProblem(): string | false {
  try {
    accessSync(PATH, constants.X_OK);
    return false;
  } catch {
    return `no Chromium at ${PATH}`;
  }
}

const ARGS = [
  '--no-sandbox',
  '--disable-gpu',
  // Containers often have a tiny one.
  '--disable-dev-shm-usage',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

export interface BrowserOptions {
  readonly width?: number;
  readonly height?: number;
  readonly colorScheme?: 'dark' | 'light';
  /** False: as for whoever wants little movement, at half the cost. Default true. */
  readonly motion?: boolean;
}

/** A real Chromium with a profile of its own, which it takes along when it is closed. */
export class Browser {
  readonly context: BrowserContext;
  readonly page: Page;
  /** Errors that the page threw or wrote to its console. */
  readonly errors: string[] = [];
  readonly #profile: string;

  private constructor(context: BrowserContext, page: Page, profile: string) {
    this.context = context;
    this.page = page;
    this.#profile = profile;
    page.on('pageerror', (error) => this.errors.push(error.message));
    page.on('console', (message) => {
      if (message.type() === 'error') this.errors.push(message.text());
    });
  }

  static async open(options: BrowserOptions = {}): Promise<Browser> {
    const { width = 1280, height = 800, colorScheme = 'dark', motion = true } = options;
    const profile = await mkdtemp(join(tmpdir(), 'wscluster-chromium-'));
    const context = await chromium.launchPersistentContext(profile, {
      executablePath: PATH,
      headless: true,
      args: ARGS,
      viewport: { width, height },
      colorScheme,
      reducedMotion: motion ? 'no-preference' : 'reduce',
    });
    const [page = await context.newPage()] = context.pages();
    return new Browser(context, page, profile);
  }

  async close(): Promise<void> {
    await this.context.close();
    await rm(this.#profile, { recursive: true, force: true });
  }
}
