import type { Node, SourceFile } from 'typescript/unstable/ast';
import { isImportDeclaration, isStringLiteral } from 'typescript/unstable/ast/is';

/** A part of the product, and the parts that it may import besides itself. */
interface Layer {
  readonly name: string;
  readonly matches: RegExp;
  /** Names of layers; `*`: all. */
  readonly mayImport: readonly string[];
}

const layer = (name: string, matches: RegExp, mayImport: readonly string[]): Layer => ({
  name,
  matches,
  mayImport,
});

/** A stream knows its store by what `gateway/stream/log.ts` says alone. */
const STORE = ['protocol', 'gateway/settings', 'gateway/logger.ts', 'gateway/stream'];

/** The first that matches a path counts. Data moves one way: edge → hub → stream. */
const layers: readonly Layer[] = [
  layer('process', /^process\//, []),
  layer('protocol', /^protocol\//, []),
  layer('client', /^client\//, ['protocol']),
  layer('gateway/settings', /^gateway\/settings\//, ['protocol']),
  layer('gateway/logger.ts', /^gateway\/logger\.ts$/, []),
  layer('gateway/stream/redis', /^gateway\/stream\/redis\//, STORE),
  layer('gateway/stream/memory', /^gateway\/stream\/memory\//, STORE),
  layer('gateway/stream', /^gateway\/stream\//, [
    'protocol',
    'gateway/settings',
    'gateway/logger.ts',
  ]),
  // The board on Redis speaks to it by the stream's rules for connections, keys and scripts.
  layer('gateway/ring/redis', /^gateway\/ring\/redis\//, [
    'protocol',
    'gateway/settings',
    'gateway/stream',
    'gateway/stream/redis',
    'gateway/ring',
  ]),
  layer('gateway/ring', /^gateway\/ring\//, ['protocol', 'gateway/settings', 'gateway/logger.ts']),
  layer('gateway/hub', /^gateway\/hub\//, [
    'protocol',
    'gateway/settings',
    'gateway/logger.ts',
    'gateway/stream',
  ]),
  layer('gateway/edge', /^gateway\/(edge|auth)\//, [
    'process',
    'protocol',
    'gateway/settings',
    'gateway/logger.ts',
    'gateway/stream',
    'gateway/hub',
  ]),
  layer('gateway/http', /^gateway\/(http|admin)\//, [
    'process',
    'protocol',
    'gateway/settings',
    'gateway/logger.ts',
    'gateway/stream',
    'gateway/hub',
    'gateway/edge',
    'gateway/ring',
  ]),
  layer('gateway', /^gateway\/(metrics\/|testing\/)?[^/]+\.ts$/, [
    'process',
    'protocol',
    'gateway/settings',
    'gateway/logger.ts',
    'gateway/stream',
    'gateway/stream/redis',
    'gateway/stream/memory',
    'gateway/ring',
    'gateway/ring/redis',
    'gateway/hub',
    'gateway/edge',
    'gateway/http',
  ]),
  // A field that becomes a gateway's setting has the bounds of that setting.
  layer('operator/api', /^operator\/api\//, ['protocol', 'gateway/settings']),
  layer('embedded/page', /^embedded\/page\//, ['protocol', 'client', 'embedded/contract']),
  layer('embedded/contract', /^embedded\/contract\.ts$/, []),
  layer('embedded', /^embedded\//, [
    'process',
    'protocol',
    'client',
    'gateway',
    'gateway/settings',
    'gateway/logger.ts',
    'gateway/stream',
    'gateway/stream/memory',
    'gateway/ring',
    'embedded/contract',
  ]),
  layer('operator/reconcile', /^operator\/reconcile\//, [
    'protocol',
    'operator/api',
    'operator/kube',
    'operator/gateways',
  ]),
  layer('operator/metrics-api', /^operator\/metrics-api\//, [
    'protocol',
    'operator/api',
    'operator/kube',
    'operator/gateways',
  ]),
  layer('operator/gateways', /^operator\/gateways\//, ['protocol']),
  layer('operator/kube', /^operator\/kube\//, ['protocol']),
  // What a visitor of an installation sees.
  layer('operator/acceptance', /^operator\/acceptance\//, [
    'protocol',
    'client',
    'operator/api',
    'operator/kube',
  ]),
  layer('operator/settings', /^operator\/settings\//, ['protocol', 'gateway/settings']),
  // The program: it alone knows all parts.
  layer('operator', /^operator\/(testing\/)?[^/]+\.ts$/, [
    'process',
    'protocol',
    'operator/api',
    'operator/gateways',
    'operator/kube',
    'operator/metrics-api',
    'operator/reconcile',
    'operator/settings',
  ]),
  // It reads what the operator writes, and as that does.
  layer('cli', /^cli\//, [
    'protocol',
    'gateway/settings',
    'operator/api',
    'operator/gateways',
    'operator/kube',
    'operator/reconcile',
  ]),
  layer('e2e', /^e2e\//, ['*']),
  layer('bench', /^bench\//, ['*']),
  layer('scripts', /^scripts\//, ['*']),
];

export function layerOf(path: string): string | undefined {
  return layers.find(({ matches }) => matches.test(path))?.name;
}

export function mayImport(from: string, to: string): boolean {
  if (from === to) return true;
  const allowed = layers.find(({ name }) => name === from)?.mayImport ?? [];
  return allowed.includes(to) || allowed.includes('*');
}

export function allowedOf(name: string): string {
  const allowed = layers.find((candidate) => candidate.name === name)?.mayImport ?? [];
  return allowed.length === 0 ? 'nothing of ours' : allowed.join(', ');
}

/**
 * Files that are started, not imported: they may end the process. A program beside others is
 * called `<name>-main.ts`.
 */
export function isMain(path: string): boolean {
  if (path.endsWith('.test.ts')) return false;
  return /(^|[/-])main\.ts$|^e2e\/faults\.ts$|^scripts\/[^/]+\.(ts|mjs)$/.test(path);
}

/** By its name: a test file, also of whole clusters, or a suite that implementations share. */
export function isTestFile(path: string): boolean {
  return /\.(test|e2e|conformance)(-[\w-]+)?\.ts$/.test(path);
}

/** In a folder of the product that holds what its tests share. */
export function isTestSupport(path: string): boolean {
  return /^(protocol|client|gateway|operator|cli|embedded)\/(.*\/)?testing\//.test(path);
}

/** Code that only tests load: by its name, its folder, or its import of node:test or fast-check. */
export function isTestCode(path: string, ast: SourceFile): boolean {
  if (isTestFile(path) || isTestSupport(path)) return true;
  return ast.statements.some((statement) => {
    const module = importedFrom(statement);
    return module === 'node:test' || module === 'fast-check';
  });
}

function importedFrom(statement: Node): string | undefined {
  if (!isImportDeclaration(statement)) return undefined;
  return isStringLiteral(statement.moduleSpecifier) ? statement.moduleSpecifier.text : undefined;
}
