import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { deadLinks } from './links.ts';

function problems(pages: Record<string, string>, ...others: string[]): string[] {
  const paths = new Set([...Object.keys(pages), ...others]);
  const dead = deadLinks(new Map(Object.entries(pages)), paths);
  return dead.map(({ path, line, problem }) => `${path}:${line}: ${problem}`);
}

describe('links of the markdown pages', () => {
  it('may lead to files, folders and headings that exist', () => {
    const pages = {
      'README.md': '# Top\n[a](docs/b.md) [f](docs) [h](#top) ![i](docs/p.png)\n',
      'docs/b.md': '# The `b` page, in full\n[up](../README.md#top) [here](#the-b-page-in-full)\n',
    };
    assert.deepEqual(problems(pages, 'docs/p.png'), []);
  });

  it('are reported with page and line when the file or the heading is missing', () => {
    const pages = { 'README.md': '# Top\n\n[a](docs/b.md)\n[h](#bottom) <img src="p.png">\n' };
    assert.deepEqual(problems(pages), [
      'README.md:3: there is no docs/b.md',
      'README.md:4: README.md has no heading #bottom',
      'README.md:4: there is no p.png',
    ]);
  });

  it('number repeated headings', () => {
    assert.deepEqual(problems({ 'a.md': '# X\n# X\n[second](#x-1) [third](#x-2)\n' }), [
      'a.md:3: a.md has no heading #x-2',
    ]);
  });

  it('in code are not links, and other sites are not asked', () => {
    const pages = { 'a.md': '`[x](y.md)` [s](https://example.com/x)\n```\n[x](y.md)\n```\n' };
    assert.deepEqual(problems(pages), []);
  });
});
