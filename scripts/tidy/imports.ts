import { basename, dirname, join, normalize } from 'node:path';
import { type Node, SyntaxKind } from 'typescript/unstable/ast';
import {
  isCallExpression,
  isExportDeclaration,
  isIdentifier,
  isImportDeclaration,
  isNamedExports,
  isNamedImports,
  isStringLiteral,
} from 'typescript/unstable/ast/is';
import { lineOf, walk } from './syntax.ts';
import type { Module, SourceTree } from './tree.ts';

/** One import, re-export or dynamic import of a file of ours. */
export interface ImportEdge {
  readonly from: string;
  readonly to: string;
  readonly line: number;
  /** Names taken, or all of them. */
  readonly names: readonly string[] | 'all';
}

/** A mention of a file of ours that is not an import: a worker, a page, a child process. */
export interface Mention {
  readonly from: string;
  readonly to: string;
}

/** Packages of this repository that are imported by name. */
const OWN_PACKAGES = new Map([['@wscluster/client', 'client/index.ts']]);

export function importsOf({ modules }: SourceTree): ImportEdge[] {
  return [...modules.values()].flatMap((module) => moduleImports(module));
}

function moduleImports({ path, ast }: Module): ImportEdge[] {
  const edges: ImportEdge[] = [];
  const add = (node: Node, specifier: Node, names: Taken) => {
    const to = isStringLiteral(specifier) ? resolveSpecifier(path, specifier.text) : undefined;
    if (to !== undefined) edges.push({ from: path, to, line: lineOf(ast, node), names });
  };
  walk(ast, (node) => {
    if (isImportDeclaration(node)) {
      add(node, node.moduleSpecifier, importedNames(node));
    } else if (isExportDeclaration(node) && node.moduleSpecifier !== undefined) {
      add(node, node.moduleSpecifier, reexportedNames(node));
    } else if (isCallExpression(node) && node.expression.kind === SyntaxKind.ImportKeyword) {
      const [specifier] = node.arguments;
      if (specifier !== undefined) add(node, specifier, 'all');
    } else if (node.kind === SyntaxKind.ImportType) {
      const specifier = importTypeSpecifier(node);
      if (specifier !== undefined) add(node, specifier, 'all');
    }
  });
  return edges;
}

function importTypeSpecifier(node: Node): Node | undefined {
  let found: Node | undefined;
  walk(node, (inner) => {
    if (found === undefined && isStringLiteral(inner)) found = inner;
  });
  return found;
}

/** The file of ours that is meant; undefined: none of ours. */
export function resolveSpecifier(from: string, specifier: string): string | undefined {
  if (specifier.startsWith('.')) return normalize(join(dirname(from), specifier));
  return OWN_PACKAGES.get(specifier);
}

type Taken = ImportEdge['names'];

function importedNames(node: Node): Taken {
  if (!isImportDeclaration(node)) throw new Error('not an import');
  const clause = node.importClause;
  if (clause === undefined) return [];
  const bindings = clause.namedBindings;
  if (bindings === undefined) return ['default'];
  if (!isNamedImports(bindings)) return 'all';
  return bindings.elements.map((element) => (element.propertyName ?? element.name).text);
}

function reexportedNames(node: Node): Taken {
  if (!isExportDeclaration(node)) throw new Error('not an export');
  const clause = node.exportClause;
  if (clause === undefined || !isNamedExports(clause)) return 'all';
  return clause.elements.map((element) => (element.propertyName ?? element.name).text);
}

const OWN_FILE = /^[\w./-]+\.(ts|lua|css|html|py|mjs)$/;
const SCRIPT_NAME = /^[a-z][a-z-]*$/;

/**
 * Strings that name a file: relative to the module, to the root, or by its last part alone, as a
 * path that is put together ends with it. Lua scripts and mutants are named without their folder
 * and ending.
 */
export function mentionsOf({ files, modules }: SourceTree): Mention[] {
  const paths = new Set(files.map(({ path }) => path));
  const byName = Map.groupBy(paths, (path) => basename(path));
  const mentions: Mention[] = [];
  for (const { path, ast } of modules.values()) {
    walk(ast, (node) => {
      const text = stringOf(node) ?? '';
      const candidates = OWN_FILE.test(text)
        ? [normalize(join(dirname(path), text)), normalize(text), ...(byName.get(text) ?? [])]
        : [];
      if (SCRIPT_NAME.test(text)) {
        candidates.push(join(dirname(path), 'lua', `${text}.lua`), `e2e/mutants/${text}.ts`);
      }
      for (const to of candidates) if (paths.has(to)) mentions.push({ from: path, to });
    });
  }
  return mentions;
}

function stringOf(node: Node): string | undefined {
  if (isStringLiteral(node)) return node.text;
  const template = node.kind === SyntaxKind.NoSubstitutionTemplateLiteral;
  return template && 'text' in node && typeof node.text === 'string' ? node.text : undefined;
}

/** A name that a module exports. */
export interface ExportedName {
  readonly name: string;
  readonly line: number;
  readonly isType: boolean;
}

export function exportsOf({ ast }: Module): ExportedName[] {
  const exported: ExportedName[] = [];
  ast.forEachChild((statement) => {
    const head = ast.text.slice(statement.getStart(ast), statement.end);
    if (!/^export\s/.test(head)) return;
    const line = lineOf(ast, statement);
    const isType = /^export\s+(type|interface)\b/.test(head);
    if (isExportDeclaration(statement)) {
      const clause = statement.exportClause;
      if (statement.moduleSpecifier !== undefined || clause === undefined) return;
      if (!isNamedExports(clause)) return;
      for (const { name } of clause.elements) exported.push({ name: name.text, line, isType });
      return;
    }
    for (const name of declaredNames(statement)) exported.push({ name, line, isType });
  });
  return exported;
}

/** Names that a declaration statement introduces. */
function declaredNames(statement: Node): string[] {
  if (statement.kind === SyntaxKind.ExportAssignment) return ['default'];
  if (statement.kind !== SyntaxKind.VariableStatement) return nameOf(statement);
  const names: string[] = [];
  walk(statement, (node) => {
    const { parent } = node;
    if (node.kind !== SyntaxKind.VariableDeclaration) return;
    if (parent.parent === statement) names.push(...nameOf(node));
  });
  return names;
}

function nameOf(declaration: Node): string[] {
  const name: unknown = 'name' in declaration ? declaration.name : undefined;
  const isNode = typeof name === 'object' && name !== null && 'kind' in name;
  return isNode && isIdentifier(name as Node) ? [(name as Node & { text: string }).text] : [];
}
