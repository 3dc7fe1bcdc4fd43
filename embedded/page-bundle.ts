import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { build, stop } from 'esbuild';

/** One file as the browser gets it. */
export interface Asset {
  readonly type: string;
  readonly body: Uint8Array;
}

const page = join(import.meta.dirname, 'page');

/** The page's files by path. The scripts and the client package become one module. */
export async function bundlePage(): Promise<ReadonlyMap<string, Asset>> {
  const result = await build({
    entryPoints: [join(page, 'main.ts')],
    bundle: true,
    format: 'esm',
    target: 'es2023',
    minify: true,
    sourcemap: 'inline',
    write: false,
    logLevel: 'silent',
  });
  // Its process has nothing more to do.
  await stop();
  const script = result.outputFiles[0]?.contents;
  if (script === undefined) throw new Error('the page has no script');
  const text = (type: string, path: string): Asset => ({ type, body: readFileSync(path) });
  const css = (name: string) => text('text/css; charset=utf-8', join(page, name));
  return new Map([
    ['/', text('text/html; charset=utf-8', join(page, 'index.html'))],
    ['/style.css', css('style.css')],
    ['/panels.css', css('panels.css')],
    ['/ring.css', css('ring.css')],
    ['/icon.svg', text('image/svg+xml', join(page, 'icon.svg'))],
    ['/main.js', { type: 'text/javascript; charset=utf-8', body: script }],
  ]);
}
