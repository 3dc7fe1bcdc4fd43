import { type Node, SyntaxKind } from 'typescript/unstable/ast';
import {
  isCallExpression,
  isExportDeclaration,
  isImportDeclaration,
  isStringLiteral,
} from 'typescript/unstable/ast/is';
import { resolveSpecifier } from './imports.ts';
import { isMain } from './layers.ts';
import { walk } from './syntax.ts';
import type { Module, Offence, SourceTree } from './tree.ts';

/** A list of packages that an image installs, and the folders of the programs that it is for. */
interface Manifest {
  readonly path: string;
  readonly programs: RegExp;
}

const ROOT = 'package.json';
const MANIFESTS: readonly Manifest[] = [
  { path: ROOT, programs: /^gateway\// },
  { path: 'operator/package.json', programs: /^operator\// },
];

/**
 * A list names what its programs load, and nothing else: what is missing fails in the image alone,
 * where the packages of nobody else are; what is too much is carried, told and kept up to date for
 * nothing. Two lists that name a package name one version of it, or both are installed.
 */
export function checkPackages(tree: SourceTree): Offence[] {
  const root = dependenciesIn(tree, ROOT);
  return MANIFESTS.flatMap((manifest) => {
    const listed = dependenciesIn(tree, manifest.path);
    const loaded = loadedBy(tree, manifest.programs);
    if (listed === undefined) return [];
    const messages = [
      ...[...loaded]
        .filter(([name]) => listed[name] === undefined)
        .map(([name, by]) => `${name} is not in it, and ${by} loads it`),
      ...Object.entries(listed).flatMap(([name, version]) => [
        ...(loaded.has(name) ? [] : [`${name} is in it, and no program loads it: take it out`]),
        ...((root?.[name] ?? version) === version
          ? []
          : [`${name} ${version}, and ${ROOT} has ${root?.[name]}: agree on one`]),
      ]),
    ];
    return messages.map((message) => ({ path: manifest.path, line: 1, message }));
  });
}

function dependenciesIn({ files }: SourceTree, path: string) {
  const text = files.find((file) => file.path === path)?.text;
  if (text === undefined) return undefined;
  const { dependencies = {} } = JSON.parse(text) as {
    readonly dependencies?: Readonly<Record<string, string>>;
  };
  return dependencies;
}

/** Packages that programs of these folders load at some time, each with a file that does so. */
function loadedBy({ modules }: SourceTree, programs: RegExp): Map<string, string> {
  const packages = new Map<string, string>();
  const mains = [...modules.keys()].filter((path) => programs.test(path) && isMain(path));
  const reached = new Set(mains);
  // A set that grows while it is walked: everything that is reached is walked too.
  for (const path of reached) {
    const module = modules.get(path);
    for (const specifier of module === undefined ? [] : loads(module)) {
      const own = resolveSpecifier(path, specifier);
      if (own !== undefined) reached.add(own);
      else if (!specifier.startsWith('node:')) packages.set(packageOf(specifier), path);
    }
  }
  return packages;
}

/** What is named by a module at run time: types are gone then. */
function loads({ ast }: Module): string[] {
  const found: string[] = [];
  const add = (specifier: Node | undefined) => {
    if (specifier !== undefined && isStringLiteral(specifier)) found.push(specifier.text);
  };
  walk(ast, (node) => {
    if (isImportDeclaration(node) || isExportDeclaration(node)) {
      const head = ast.text.slice(node.getStart(ast), node.end);
      if (!/^(import|export)\s+type\s/.test(head)) add(node.moduleSpecifier);
    } else if (isCallExpression(node) && node.expression.kind === SyntaxKind.ImportKeyword) {
      add(node.arguments[0]);
    }
  });
  return found;
}

/** `@noble/hashes/sha2.js` is of `@noble/hashes`. */
function packageOf(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}
