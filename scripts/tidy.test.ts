import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, describe, it } from 'node:test';
import { checkImports } from './tidy/import-rules.ts';
import { checkPackages } from './tidy/package-rules.ts';
import { checkSyntax } from './tidy/syntax-rules.ts';
import { checkText } from './tidy/text-rules.ts';
import { type Offence, readTree, type SourceTree } from './tidy/tree.ts';

const roots: string[] = [];
afterEach(() => {
  for (const root of roots.splice(0)) rmSync(root, { recursive: true });
});

/** A repository with these files. */
function treeOf(files: Record<string, string>): SourceTree {
  const root = mkdtempSync(join(tmpdir(), 'wscluster-tidy-'));
  roots.push(root);
  const all = { ...files, 'tsconfig.json': '{ "compilerOptions": { "noLib": true } }' };
  for (const [path, text] of Object.entries(all)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  return readTree(root, Object.keys(files));
}

const shown = (offences: readonly Offence[]) =>
  offences.map(({ path, line, message }) => `${path}:${line}: ${message}`);

const text = (files: Record<string, string>) => shown(checkText(treeOf(files).files));
const syntax = (files: Record<string, string>) =>
  shown(checkSyntax(treeOf(files).modules.values()));
const imports = (files: Record<string, string>) => shown(checkImports(treeOf(files)));

describe('house rules on text', () => {
  it('limit columns and lines', () => {
    assert.deepEqual(text({ 'protocol/a.ts': `// ${'x'.repeat(98)}\n` }), [
      'protocol/a.ts:1: 101 columns; at most 100',
    ]);
    assert.deepEqual(text({ 'protocol/a.ts': 'a;\n'.repeat(401) }), [
      'protocol/a.ts:401: 401 lines; at most 400: split it by idea',
    ]);
    assert.deepEqual(text({ 'protocol/a.test.ts': 'a;\n'.repeat(800) }), []);
  });

  it('find what is left over, in prose too', () => {
    const mark = ['TO', 'DO'].join('');
    assert.deepEqual(text({ 'docs/a.md': `fine\n${mark}: later\n` }), [
      `docs/a.md:2: ${mark} is left over: do it, or open an issue`,
    ]);
  });

  it('refuse silenced type errors', () => {
    assert.match(text({ 'protocol/a.ts': `// @ts-${'ignore'}\n` })[0] ?? '', /make the types true/);
  });

  it('refuse names that say nothing', () => {
    assert.match(text({ 'client/string-utils.ts': '' })[0] ?? '', /"string-utils" says nothing/);
    assert.match(text({ 'client/common/a.ts': '' })[0] ?? '', /"common" says nothing/);
    assert.deepEqual(text({ 'client/shared-page.ts': '' }), []);
  });

  it('refuse large and unknown files', () => {
    assert.match(text({ 'docs/a.png': '\0'.repeat(300_000) })[0] ?? '', /293 KiB; at most 256/);
    assert.match(text({ 'docs/a.exe': '' })[0] ?? '', /unknown kind/);
  });

  it('want the executable bit exactly where there is a "#!"', () => {
    assert.match(text({ 'scripts/a.mjs': '#!/bin/x\n' })[0] ?? '', /not executable/);
    const tree = treeOf({ 'scripts/a.mjs': 'a;\n' });
    chmodSync(join(tree.root, 'scripts/a.mjs'), 0o755);
    const again = readTree(tree.root, ['scripts/a.mjs']);
    assert.match(shown(checkText(again.files))[0] ?? '', /executable without/);
  });
});

describe('house rules on syntax', () => {
  const body = (lines: number) => '  a;\n'.repeat(lines);

  it('limit the length of functions', () => {
    assert.deepEqual(syntax({ 'protocol/a.ts': `function f() {\n${body(68)}}\n` }), []);
    assert.deepEqual(syntax({ 'protocol/a.ts': `\nfunction f() {\n${body(69)}}\n` }), [
      'protocol/a.ts:2: a function of 71 lines; at most 70: name its steps',
    ]);
  });

  it('measure each test by itself, not the group', () => {
    const one = (name: string) => `it('${name}', () => {\n${body(60)}});\n`;
    const group = `describe('g', () => {\n${one('a')}${one('b')}});\n`;
    assert.deepEqual(syntax({ 'protocol/a.test.ts': group }), []);
  });

  it('limit positional parameters of what is called by name', () => {
    const found = syntax({
      'protocol/a.ts':
        'function f(a, b, c, d) {}\ng((a, b, c, d) => a);\nclass C { m(a, b, c) {} }\n',
    });
    assert.deepEqual(found, ['protocol/a.ts:1: 4 parameters; more than 3 belong into an object']);
  });

  it('refuse casts over casts, debuggers and focused tests', () => {
    const found = syntax({
      'protocol/a.test.ts': 'x as unknown as string;\ndebugger;\nit.only("x", () => {});\n',
    });
    assert.equal(found.length, 3);
  });

  it('refuse the facade of node:http, of which types alone cost nothing', () => {
    const source = (what: string) => `// Why.\nimport ${what} from 'node:http';\n`;
    const found = ['{ request }', '{ type Server }', '* as http'].map(source);
    for (const text of found) assert.equal(syntax({ 'gateway/http/a.ts': text }).length, 1, text);
    assert.deepEqual(syntax({ 'gateway/http/a.ts': source('type { Server }') }), []);
  });

  it('keep time and chance outside where a simulation drives the code', () => {
    const source = 'Date.now();\nnew Date();\nnew Date(5);\nsetTimeout(f, 1);\nMath.random();\n';
    const lines = syntax({ 'gateway/hub/a.ts': source }).map((line) => line.split(':')[1]);
    assert.deepEqual(lines, ['1', '2', '4', '5']);
    assert.deepEqual(syntax({ 'gateway/metrics.ts': source, 'gateway/hub/a.test.ts': source }), []);
  });

  it('keep Node out of what runs in browsers', () => {
    const source = 'Buffer.from(x);\nprocess.env;\nx.process;\ntype T = { process: string };\n';
    const lines = syntax({ 'client/a.ts': source }).map((line) => line.split(':')[1]);
    assert.deepEqual(lines, ['1', '2']);
  });

  it('let only main files end the process, and only programs print', () => {
    const source = 'process.exit(1);\nconsole.log(1);\n';
    assert.equal(syntax({ 'gateway/a.ts': source }).length, 2);
    assert.equal(syntax({ 'embedded/a.ts': source }).length, 1);
    assert.equal(syntax({ 'gateway/main.ts': source }).length, 0);
    assert.equal(syntax({ 'bench/load-main.ts': source }).length, 0);
  });
});

describe('house rules on imports', () => {
  /** Makes everything else that the rules want true: each file is reached, each export used. */
  const reach = (...paths: string[]) => ({
    'scripts/all.ts': paths.map((path) => `import * as _ from '../${path}';\n`).join(''),
  });

  it('let data flow one way', () => {
    const found = imports({
      'gateway/stream/s.ts': `import { h } from '../hub/h.ts';\nexport const s = h;\n`,
      'gateway/hub/h.ts': `import { t } from '../stream/t.ts';\nexport const h = t;\n`,
      'gateway/stream/t.ts': 'export const t = 1;\n',
      ...reach('gateway/stream/s.ts'),
    });
    assert.equal(found.length, 1);
    assert.match(
      found[0] ?? '',
      /^gateway\/stream\/s\.ts:1: gateway\/stream may not import gateway\/hub/,
    );
  });

  it('let tests and test suites import what they need', () => {
    const found = imports({
      'gateway/stream/s.test.ts': `import { r } from '../../e2e/r.ts';\nr;\n`,
      'gateway/stream/suite.ts': `import 'node:test';\nimport { r } from '../../e2e/r.ts';\nr;\n`,
      'e2e/r.ts': 'export const r = 1;\n',
      ...reach('gateway/stream/suite.ts'),
    });
    assert.deepEqual(found, []);
  });

  it('keep what tests share out of what runs', () => {
    const found = imports({
      'gateway/hub/h.ts': `import { f } from './testing/f.ts';\nf;\n`,
      'gateway/hub/h.test.ts': `import { f } from './testing/f.ts';\nf;\n`,
      'gateway/hub/testing/f.ts': `import { r } from '../../../e2e/r.ts';\nexport const f = r;\n`,
      'e2e/r.ts': 'export const r = 1;\n',
      'e2e/faults.ts': `import { f } from '../gateway/hub/testing/f.ts';\nf;\n`,
      ...reach('gateway/hub/h.ts'),
    });
    assert.deepEqual(found, [
      'gateway/hub/h.ts:1: gateway/hub/testing/f.ts is for tests: only tests may import it',
    ]);
  });

  it('want a layer for each folder', () => {
    assert.match(imports({ 'nowhere/a.test.ts': '1;\n' })[0] ?? '', /belongs to no layer/);
  });

  it('refuse cycles, of types too', () => {
    const cycle = (folder: string, word: string) =>
      imports({
        [`${folder}/a.ts`]: `import ${word} { b } from './b.ts';\nexport const a = () => b;\n`,
        [`${folder}/b.ts`]: `import { a } from './a.ts';\nexport const b = () => a;\n`,
        ...reach(`${folder}/a.ts`, `${folder}/b.ts`),
      });
    for (const folder of ['protocol', 'e2e']) {
      for (const word of ['', 'type']) {
        const [found = ''] = cycle(folder, word);
        assert.ok(found.includes(`closes an import cycle: ${folder}/a.ts → ${folder}/b.ts → `));
      }
    }
  });

  it('find dead files, and see those that are only named', () => {
    const found = imports({
      'e2e/a.test.ts': `run('worker.ts');\n`,
      'e2e/worker.ts': '1;\n',
      'e2e/dead.ts': `import './worker.ts';\n`,
    });
    assert.deepEqual(found, [
      'e2e/dead.ts:1: dead: no program, test or page reaches it; use it or delete it',
    ]);
  });

  it('see Lua scripts that are named, and those that they include', () => {
    const found = imports({
      'gateway/stream/a.test.ts': `load('publish-all');\n`,
      'gateway/stream/lua/publish-all.lua': '--@include now\n',
      'gateway/stream/lua/now.lua': 'return 1\n',
      'gateway/stream/lua/dead.lua': 'return 1\n',
    });
    assert.deepEqual(found, [
      'gateway/stream/lua/dead.lua:1: dead: no program, test or page reaches it; ' +
        'use it or delete it',
    ]);
  });

  it('find dead exports, except types that others of the file speak of', () => {
    const found = imports({
      'protocol/a.ts':
        'export const used = 1;\nexport const dead = 2;\nexport interface T {}\n' +
        'export interface U { t: T }\nexport function f(): void {}\n',
      'protocol/a.test.ts': `import { type U, used } from './a.ts';\nused;\n`,
    });
    assert.deepEqual(found, [
      'protocol/a.ts:2: dead is exported and nobody imports it: drop the export, or it',
      'protocol/a.ts:5: f is exported and nobody imports it: drop the export, or it',
    ]);
  });

  it('do not let programs be imported', () => {
    const found = imports({
      'gateway/main.ts': 'export const x = 1;\n',
      'e2e/a.test.ts': `import { x } from '../gateway/main.ts';\nx;\n`,
    });
    assert.match(found[0] ?? '', /is started, not imported/);
  });
});

describe('house rules on packages', () => {
  const manifest = (dependencies: Readonly<Record<string, string>>) =>
    JSON.stringify({ dependencies });
  const packages = (files: Record<string, string>) => shown(checkPackages(treeOf(files)));

  it('want in a list what its programs load, by whatever way, and nothing else', () => {
    const found = packages({
      'operator/package.json': manifest({ far: '1', idle: '1', typed: '1' }),
      'operator/main.ts':
        "import '../protocol/a.ts';\nimport 'node:fs';\nimport('@a/late/x.js');\n",
      'operator/kube/b.ts': `import 'unreached';\n`,
      'protocol/a.ts': `export { c } from 'far';\nimport type { T } from 'typed';\n`,
    });
    assert.deepEqual(found, [
      'operator/package.json:1: @a/late is not in it, and operator/main.ts loads it',
      'operator/package.json:1: idle is in it, and no program loads it: take it out',
      'operator/package.json:1: typed is in it, and no program loads it: take it out',
    ]);
  });

  it('want one version in all lists', () => {
    const found = packages({
      'package.json': manifest({ x: '1' }),
      'operator/package.json': manifest({ x: '2' }),
      'gateway/main.ts': `import 'x';\n`,
      'operator/main.ts': `import 'x';\n`,
    });
    assert.deepEqual(found, ['operator/package.json:1: x 2, and package.json has 1: agree on one']);
  });
});
