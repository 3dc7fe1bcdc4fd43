import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

const FOLDER = join(import.meta.dirname, '..', '..', 'docs');

/** A block that its reader copies. */
export interface Block {
  /** Of the heading that it stands under. */
  readonly heading: string;
  /** As the fence says: `yaml`, `nginx`. */
  readonly language: string;
  readonly text: string;
}

/** The blocks of a page of `docs/`, in their order. */
export async function blocksOf(page: string): Promise<readonly Block[]> {
  const text = await readFile(join(FOLDER, page), 'utf8');
  const parts = text.matchAll(/^#+ (?<heading>[^\n]+)$|^```(?<language>\w+)\n(?<text>.*?)^```$/gms);
  let heading = '';
  const blocks: Block[] = [];
  for (const { groups = {} } of parts) {
    const { language, text: inside = '' } = groups;
    if (language === undefined) heading = groups['heading'] ?? '';
    else blocks.push({ heading, language, text: inside });
  }
  return blocks;
}

/** The one that contains `text`, or the first; throws where there is none. */
export async function blockUnder(page: string, heading: string, text = ''): Promise<Block> {
  const under = (await blocksOf(page)).filter((block) => block.heading === heading);
  const found = under.find((block) => block.text.includes(text));
  if (found === undefined) throw new Error(`docs/${page} shows no ${text} under "${heading}"`);
  return found;
}

/** With what its reader would change changed, everywhere; throws where it does not stand there. */
export function changed(
  { heading, language, text }: Block,
  changes: readonly (readonly [shown: string, own: string])[],
): string {
  return changes.reduce((whole, [shown, own]) => {
    if (!text.includes(shown)) throw new Error(`no ${shown} in ${language} under "${heading}"`);
    return whole.replaceAll(shown, own);
  }, text);
}
