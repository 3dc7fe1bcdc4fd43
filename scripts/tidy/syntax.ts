import type { Node, SourceFile } from 'typescript/unstable/ast';
import {
  isCallExpression,
  isIdentifier,
  isPropertyAccessExpression,
} from 'typescript/unstable/ast/is';

/** Calls `visit` with every node, parents first. */
export function walk(node: Node, visit: (node: Node) => void): void {
  visit(node);
  node.forEachChild((child) => walk(child, visit));
}

/** The line, from 1, on which a node begins; comments before it do not count. */
export function lineOf(ast: SourceFile, node: Node): number {
  return ast.getLineAndCharacterOfPosition(node.getStart(ast)).line + 1;
}

/** `a`, `a.b` or `a.b.c` as text; undefined for any other expression. */
export function dottedName(node: Node): string | undefined {
  if (isIdentifier(node)) return node.text;
  if (!isPropertyAccessExpression(node)) return undefined;
  const owner = dottedName(node.expression);
  return owner === undefined ? undefined : `${owner}.${node.name.text}`;
}

const TEST_CALL = /^(test|it|describe|suite|before|after|beforeEach|afterEach|t\.test)(\.\w+)?$/;

/** Whether a call declares a test, a group of tests or a hook of node:test. */
export function isTestCall(node: Node): boolean {
  if (!isCallExpression(node)) return false;
  const name = dottedName(node.expression);
  return name !== undefined && TEST_CALL.test(name);
}
