// `node scripts/run.mjs scripts/screenshot.ts`: docs/page.png, the page of `npm start` while
// something happens on it.

import { statSync } from 'node:fs';
import { join } from 'node:path';
import { Browser } from '../e2e/browser/chromium.ts';
import { Demo } from '../e2e/browser/demo.ts';
import { Embedded } from '../e2e/browser/embedded.ts';

const LIMIT_BYTES = 256 * 1024;
const path = join(import.meta.dirname, '..', 'docs', 'page.png');

const embedded = await Embedded.start(['--gateways', '4']);
const browser = await Browser.open({ width: 1280, height: 800 });
try {
  const demo = new Demo(browser);
  await embedded.owned(4);
  await demo.open(embedded.url);
  await demo.press('more-clients');
  await demo.happened(/more clients joined/);
  await demo.home(18);
  await demo.point(0.52, 0.4);
  await demo.deliveredMore(8_000);
  await demo.press('burst');
  await demo.deliveredMore(10_000);
  await demo.act(2, 'kill');
  await demo.happened(/gateway-2 is out/);
  await demo.deliveredMore(12_000);
  await demo.act(3, 'drain');
  await demo.happened(/gateway-3 is out/);
  await demo.deliveredMore(250);
  await demo.point(0.46, 0.52);
  await browser.page.screenshot({ path });
} finally {
  await browser.close();
  await embedded.stop();
}

const { size } = statSync(path);
process.stdout.write(`${path}: ${Math.round(size / 1024)} KiB\n`);
if (size > LIMIT_BYTES) {
  process.stderr.write(`more than ${LIMIT_BYTES / 1024} KiB do not belong into git\n`);
  process.exitCode = 1;
}
