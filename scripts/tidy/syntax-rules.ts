import { type Node, type SourceFile, SyntaxKind } from 'typescript/unstable/ast';
import {
  isAsExpression,
  isCallExpression,
  isFunctionLikeDeclaration,
  isIdentifier,
  isImportDeclaration,
  isNewExpression,
  isStringLiteral,
} from 'typescript/unstable/ast/is';
import { isMain, isTestCode } from './layers.ts';
import { dottedName, isTestCall, lineOf, walk } from './syntax.ts';
import type { Module, Offence } from './tree.ts';

const FUNCTION_LINES = 70;
const PARAMETERS = 3;

/** Rules about what stands inside a module. */
export function checkSyntax(modules: Iterable<Module>): Offence[] {
  const offences: Offence[] = [];
  for (const { path, ast } of modules) {
    const bans = bansFor(path, ast);
    walk(ast, (node) => {
      const message =
        lengthProblem(ast, node) ??
        parameterProblem(node) ??
        castProblem(node) ??
        leftoverProblem(node) ??
        facadeProblem(ast, node) ??
        banProblem(node, bans);
      if (message !== undefined) offences.push({ path, line: lineOf(ast, node), message });
    });
  }
  return offences;
}

function lengthProblem(ast: SourceFile, node: Node): string | undefined {
  if (!isFunctionLikeDeclaration(node)) return undefined;
  const lines = linesOf(ast, node) - linesOfTests(ast, node);
  if (lines <= FUNCTION_LINES) return undefined;
  return `a function of ${lines} lines; at most ${FUNCTION_LINES}: name its steps`;
}

function linesOf(ast: SourceFile, node: Node): number {
  return ast.getLineAndCharacterOfPosition(node.end).line + 2 - lineOf(ast, node);
}

/** Lines of the tests and hooks that are declared inside: each is measured by itself. */
function linesOfTests(ast: SourceFile, node: Node): number {
  let lines = 0;
  node.forEachChild((child) => {
    lines += isTestCall(child) ? linesOf(ast, child) : linesOfTests(ast, child);
  });
  return lines;
}

/** Only of functions that are called by name: the form of a callback is its caller's. */
function parameterProblem(node: Node): string | undefined {
  const named =
    node.kind === SyntaxKind.FunctionDeclaration ||
    node.kind === SyntaxKind.MethodDeclaration ||
    node.kind === SyntaxKind.Constructor;
  if (!named || !isFunctionLikeDeclaration(node)) return undefined;
  if (node.parameters.length <= PARAMETERS) return undefined;
  return `${node.parameters.length} parameters; more than ${PARAMETERS} belong into an object`;
}

function castProblem(node: Node): string | undefined {
  if (!isAsExpression(node) || !isAsExpression(node.expression)) return undefined;
  return '`as … as` silences the type checker: narrow with a guard, or fix the type';
}

function leftoverProblem(node: Node): string | undefined {
  if (node.kind === SyntaxKind.DebuggerStatement) return 'a debugger statement is left over';
  if (!isCallExpression(node)) return undefined;
  const name = dottedName(node.expression);
  if (name === undefined || !/^(test|it|describe|suite)\.only$/.test(name)) return undefined;
  return `${name} hides all other tests of the file`;
}

/** What is imported as types alone is gone when the program runs. */
function facadeProblem(ast: SourceFile, node: Node): string | undefined {
  if (!isImportDeclaration(node) || !isStringLiteral(node.moduleSpecifier)) return undefined;
  if (node.moduleSpecifier.text !== 'node:http') return undefined;
  if (/^\s*import type\b/m.test(ast.text.slice(node.pos, node.end))) return undefined;
  return 'makes each process load undici: take it from process/http.ts, and types by `import type`';
}

interface Ban {
  /** Called, constructed without arguments, or read as a global, depending on the list it is in. */
  readonly calls: ReadonlyMap<string, string>;
  readonly globals: ReadonlyMap<string, string>;
}

const CLOCK = 'take a Clock (protocol/clock.ts), so that a simulation can run this code';
const RANDOM = 'take a Random (protocol/clock.ts), so that a seed can repeat a run';

const TIME_CALLS = new Map([
  ['Date.now', CLOCK],
  ['new Date', CLOCK],
  ['performance.now', CLOCK],
  ['setTimeout', CLOCK],
  ['setInterval', CLOCK],
  ['Math.random', RANDOM],
]);

const NODE_GLOBALS = new Map([
  ['Buffer', 'it must run in a browser: use Uint8Array, TextEncoder and DataView'],
  ['process', 'it must run in a browser'],
]);

/** Folders whose code a simulation drives. */
const SIMULATED = /^(client|gateway\/(stream|ring|hub|edge)|operator\/kube)\//;
const BROWSER = /^(protocol|client)\//;
/** What a program of ours ends by. */
const ENDING = /^process\//;
/** Folders whose programs speak to a person on a terminal. */
const TERMINAL = /^(scripts|embedded|e2e|bench)\//;

function bansFor(path: string, ast: SourceFile): Ban {
  const calls = new Map<string, string>();
  const globals = new Map<string, string>();
  if (isTestCode(path, ast)) return { calls, globals };
  if (SIMULATED.test(path)) for (const [name, why] of TIME_CALLS) calls.set(name, why);
  if (BROWSER.test(path)) for (const [name, why] of NODE_GLOBALS) globals.set(name, why);
  if (!isMain(path)) {
    if (!ENDING.test(path)) {
      calls.set('process.exit', 'only main.ts and <name>-main.ts end the process: throw instead');
    }
    if (!TERMINAL.test(path)) {
      for (const level of ['log', 'info', 'warn', 'error', 'debug']) {
        calls.set(`console.${level}`, 'take a Logger (gateway/logger.ts)');
      }
    }
  }
  return { calls, globals };
}

function banProblem(node: Node, { calls, globals }: Ban): string | undefined {
  if (isIdentifier(node)) {
    const why = isGlobalUse(node) ? globals.get(node.text) : undefined;
    return why === undefined ? undefined : `${node.text} is banned here: ${why}`;
  }
  let name: string | undefined;
  if (isCallExpression(node)) name = dottedName(node.expression);
  // `new Date(n)` only converts.
  else if (isNewExpression(node) && (node.arguments?.length ?? 0) === 0) {
    name = `new ${dottedName(node.expression)}`;
  }
  const why = name === undefined ? undefined : calls.get(name.replace(/^globalThis\./, ''));
  return why === undefined ? undefined : `${name} is banned here: ${why}`;
}

/** Not the name of a property, a parameter or a field. */
function isGlobalUse(node: Node): boolean {
  const { parent } = node;
  if (parent.kind === SyntaxKind.PropertyAccessExpression) return firstChild(parent) === node;
  return (
    parent.kind === SyntaxKind.CallExpression ||
    parent.kind === SyntaxKind.NewExpression ||
    parent.kind === SyntaxKind.TypeReference ||
    parent.kind === SyntaxKind.BinaryExpression
  );
}

function firstChild(node: Node): Node | undefined {
  return node.forEachChild((child) => child);
}
