import { dirname, join, normalize } from 'node:path';

/** A link that leads nowhere. */
export interface DeadLink {
  readonly path: string;
  readonly line: number;
  readonly link: string;
  readonly problem: string;
}

/**
 * Links of markdown pages to files of the repository and to headings. `pages` is path → text of
 * every markdown file, `paths` every file that there is, spelt exactly. Addresses of other sites
 * are not looked at: a check that needs the network fails for reasons of others.
 */
export function deadLinks(
  pages: ReadonlyMap<string, string>,
  paths: ReadonlySet<string>,
): DeadLink[] {
  const known = withFolders(paths);
  const anchors = new Map([...pages].map(([path, text]) => [path, anchorsOf(text)] as const));
  const dead: DeadLink[] = [];
  for (const [path, text] of pages) {
    for (const { line, link } of linksOf(text)) {
      const [file = '', anchor] = link.split('#');
      const target = file === '' ? path : normalize(join(dirname(path), decodeURI(file)));
      const clean = target.replace(/\/$/, '');
      if (!known.has(clean)) dead.push({ path, line, link, problem: `there is no ${clean}` });
      else if (anchor !== undefined && anchors.get(clean)?.has(anchor) !== true) {
        dead.push({ path, line, link, problem: `${clean} has no heading #${anchor}` });
      }
    }
  }
  return dead;
}

function withFolders(paths: ReadonlySet<string>): Set<string> {
  const known = new Set<string>(['.']);
  for (const path of paths) {
    for (let at = path; at !== '.'; at = dirname(at)) known.add(at);
  }
  return known;
}

interface Link {
  readonly line: number;
  readonly link: string;
}

const LINK = /\]\(\s*<?([^)\s>]+)>?[^)]*\)|<(?:img|a)\b[^>]*?\b(?:src|href)="([^"]+)"/g;
const DEFINITION = /^\s*\[[^\]]+\]:\s*(\S+)/;

function* linksOf(text: string): Generator<Link> {
  for (const { line, content } of prose(text)) {
    const found = [...content.matchAll(LINK)].map((match) => match[1] ?? match[2] ?? '');
    const definition = DEFINITION.exec(content)?.[1];
    for (const link of definition === undefined ? found : [...found, definition]) {
      if (!/^[a-z][a-z+.-]*:/i.test(link)) yield { line, link };
    }
  }
}

/** Lines outside of code blocks, without inline code. */
function* prose(text: string): Generator<{ line: number; content: string; raw: string }> {
  let fence: string | undefined;
  for (const [index, raw] of text.split('\n').entries()) {
    const mark = /^\s*(```+|~~~+)/.exec(raw)?.[1];
    if (fence !== undefined) {
      if (mark?.startsWith(fence)) fence = undefined;
      continue;
    }
    fence = mark;
    if (mark === undefined) yield { line: index + 1, content: raw.replaceAll(/`[^`]*`/g, ''), raw };
  }
}

/** The anchors that a forge makes of the headings: lower case, dashes, numbers for repeats. */
export function anchorsOf(text: string): Set<string> {
  const anchors = new Set<string>();
  for (const { raw } of prose(text)) {
    for (const [, id = ''] of raw.matchAll(/<a\s+(?:id|name)="([^"]+)"/g)) anchors.add(id);
    const heading = /^#{1,6}\s+(.*?)\s*#*$/.exec(raw)?.[1];
    if (heading === undefined) continue;
    const plain = heading.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1').replaceAll(/[`*]/g, '');
    const slug = plain
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\p{M} _-]/gu, '')
      .replaceAll(' ', '-');
    let anchor = slug;
    for (let repeat = 1; anchors.has(anchor); repeat += 1) anchor = `${slug}-${repeat}`;
    anchors.add(anchor);
  }
  return anchors;
}
