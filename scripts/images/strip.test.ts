import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';

const PROGRAM = join(import.meta.dirname, 'strip.ts');

describe('sources without their types', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'strip-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const strip = (sources: Readonly<Record<string, string>>) => {
    const from = mkdtempSync(join(folder, 'from-'));
    for (const [name, text] of Object.entries(sources)) writeFileSync(join(from, name), text);
    const to = join(folder, 'to');
    return { to, ...spawnSync(process.execPath, [PROGRAM, from, to], { encoding: 'utf8' }) };
  };

  it('run, find each other, and have each character where it was', () => {
    const main = [
      "import type { Shape } from './shape.ts';",
      "import { name, type Shape as Same } from './shape.ts';",
      "import './other.ts';",
      'const shapes: readonly (Shape | Same)[] = [{ name }];',
      'export {',
      '  type Shape,',
      "} from './shape.ts';",
      "const { late } = await import('./late.ts');",
      'console.log(shapes[0]?.name, late, new Error().stack);',
    ].join('\n');
    const { to } = strip({
      'main.ts': main,
      'shape.ts':
        "export interface Shape { readonly name: string }\nexport const name = 'round';\n",
      'other.ts': "export type * from './shape.ts';\n",
      'late.ts': 'export const late: boolean = true;\n',
      'package.json': '{"type":"module"}',
    });
    const widths = (text: string) => text.split('\n').map(({ length }) => length);
    assert.deepEqual(widths(readFileSync(join(to, 'main.js'), 'utf8')), widths(main));
    const said = execFileSync(process.execPath, [join(to, 'main.js')], { encoding: 'utf8' });
    assert.match(said, /^round true Error\n.*main\.js:9:36\n/);
  });

  it('are none when one names a file in a way that is not known', () => {
    const { stderr, status } = strip({ 'main.ts': "new Worker(new URL('./worker.ts', here));\n" });
    assert.match(stderr, /main\.ts names a file that will not be there: new Worker/);
    assert.equal(status, 1);
  });
});
