import { SyntaxKind } from 'typescript/unstable/ast';
import { isIdentifier } from 'typescript/unstable/ast/is';
import { exportsOf, type ImportEdge, importsOf, type Mention, mentionsOf } from './imports.ts';
import { allowedOf, isMain, isTestCode, isTestSupport, layerOf, mayImport } from './layers.ts';
import { walk } from './syntax.ts';
import type { Module, Offence, SourceTree } from './tree.ts';

/** Rules about who knows whom: directions, cycles, and what nobody knows. */
export function checkImports(tree: SourceTree): Offence[] {
  const edges = importsOf(tree);
  const mentions = [...mentionsOf(tree), ...mentionsInTexts(tree)];
  const alive = reachable(tree, [...edges, ...mentions]);
  return [
    ...checkLayers(tree),
    ...checkDirections(tree, edges),
    ...checkCycles(edges),
    ...checkDeadFiles(tree, alive),
    ...checkDeadExports(tree, edges, alive),
  ];
}

function checkLayers({ modules }: SourceTree): Offence[] {
  return [...modules.keys()]
    .filter((path) => layerOf(path) === undefined)
    .map((path) => ({
      path,
      line: 1,
      message: 'belongs to no layer: say in scripts/tidy/layers.ts what it may import',
    }));
}

function checkDirections({ modules }: SourceTree, edges: readonly ImportEdge[]): Offence[] {
  return edges.flatMap((edge) => {
    const message = directionProblem(edge, modules);
    return message === undefined ? [] : [{ path: edge.from, line: edge.line, message }];
  });
}

function directionProblem(
  { from, to }: ImportEdge,
  modules: ReadonlyMap<string, Module>,
): string | undefined {
  const importer = modules.get(from);
  const target = modules.get(to);
  if (importer === undefined || target === undefined) return undefined;
  if (isMain(to)) return `${to} is started, not imported: move what you need out of it`;
  if (isTestCode(from, importer.ast)) return undefined;
  if (/\.(test|e2e)\.ts$/.test(to)) return `${to} is a test: only tests may import it`;
  if (isTestSupport(to) && !from.startsWith('e2e/')) {
    return `${to} is for tests: only tests may import it`;
  }
  const here = layerOf(from);
  const there = layerOf(to);
  if (here === undefined || there === undefined || mayImport(here, there)) return undefined;
  return `${here} may not import ${there} (${to}); it may import ${allowedOf(here)}`;
}

/** Cycles of modules, by types too: who reads a file must not have to have read it before. */
function checkCycles(edges: readonly ImportEdge[]): Offence[] {
  const next = new Map<string, ImportEdge[]>();
  for (const edge of edges) {
    next.set(edge.from, [...(next.get(edge.from) ?? []), edge]);
  }
  const offences: Offence[] = [];
  const done = new Set<string>();
  const visit = (path: string, trail: readonly string[]) => {
    for (const { to, line } of next.get(path) ?? []) {
      const start = trail.indexOf(to);
      if (start >= 0) {
        const cycle = [...trail.slice(start), to].join(' → ');
        offences.push({ path, line, message: `closes an import cycle: ${cycle}` });
      } else if (!done.has(to)) visit(to, [...trail, to]);
    }
    done.add(path);
  };
  for (const path of next.keys()) if (!done.has(path)) visit(path, [path]);
  return offences;
}

const NAMING_TEXT = /(\.html|\.lua|package\.json|^\.ci\/run|^Dockerfile)$/;

/** Files that pages, Lua scripts, manifests, the Dockerfile and the CI script name. */
function mentionsInTexts({ files }: SourceTree): Mention[] {
  const mentions: Mention[] = [];
  for (const { path, text } of files) {
    if (text === undefined || !NAMING_TEXT.test(path)) continue;
    const folder = path.includes('/') ? path.slice(0, path.lastIndexOf('/') + 1) : '';
    for (const [name] of text.matchAll(/[\w./-]+\.(ts|css|mjs)\b/g)) {
      const clean = name.replace(/^\.?\//, '');
      mentions.push({ from: path, to: clean }, { from: path, to: folder + clean });
    }
    for (const [, name = ''] of text.matchAll(/^--@include ([\w-]+)$/gm)) {
      mentions.push({ from: path, to: `${folder}${name}.lua` });
    }
  }
  return mentions;
}

/** Started by hand, by npm or by a test runner: where reaching begins. */
function isRoot(path: string): boolean {
  return (
    /\.(test|e2e)\.ts$/.test(path) ||
    isMain(path) ||
    /(\.html|package\.json|\.ci\/run|^Dockerfile)$/.test(path)
  );
}

function reachable(tree: SourceTree, edges: readonly Mention[]): Set<string> {
  const next = new Map<string, string[]>();
  for (const { from, to } of edges) next.set(from, [...(next.get(from) ?? []), to]);
  const alive = new Set(tree.files.map(({ path }) => path).filter(isRoot));
  // A set that grows while it is walked: everything that is reached is walked too.
  for (const path of alive) for (const to of next.get(path) ?? []) alive.add(to);
  return alive;
}

function checkDeadFiles(tree: SourceTree, alive: ReadonlySet<string>): Offence[] {
  return tree.files
    .filter(({ path }) => /\.(ts|lua|css|py)$/.test(path) && !alive.has(path))
    .map(({ path }) => ({
      path,
      line: 1,
      message: 'dead: no program, test or page reaches it; use it or delete it',
    }));
}

/** What a package offers to others is used by them. */
const PUBLIC = new Set(['client/index.ts']);

function checkDeadExports(
  { modules }: SourceTree,
  edges: readonly ImportEdge[],
  alive: ReadonlySet<string>,
): Offence[] {
  const used = new Map<string, Set<string> | 'all'>();
  for (const { to, names } of edges) {
    const known = used.get(to);
    if (known === 'all') continue;
    if (names === 'all') used.set(to, 'all');
    else used.set(to, new Set([...(known ?? []), ...names]));
  }
  const offences: Offence[] = [];
  for (const module of modules.values()) {
    const names = used.get(module.path) ?? new Set<string>();
    if (names === 'all' || PUBLIC.has(module.path) || !alive.has(module.path)) continue;
    for (const { name, line, isType } of exportsOf(module)) {
      if (names.has(name) || (isType && isPartOfSurface(module, name))) continue;
      const message = `${name} is exported and nobody imports it: drop the export, or it`;
      offences.push({ path: module.path, line, message });
    }
  }
  return offences;
}

/** A type that other declarations of its module speak of: their users need its name. */
function isPartOfSurface({ ast }: Module, name: string): boolean {
  let uses = 0;
  walk(ast, (node) => {
    const inType = node.parent?.kind === SyntaxKind.TypeReference;
    const inHeritage = node.parent?.kind === SyntaxKind.ExpressionWithTypeArguments;
    if (isIdentifier(node) && node.text === name && (inType || inHeritage)) uses += 1;
  });
  return uses > 0;
}
