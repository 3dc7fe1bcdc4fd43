import { execFileSync } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { SourceFile } from 'typescript/unstable/ast';
import { API } from 'typescript/unstable/sync';

/** A breach of a house rule. The message says what is wrong and what to do instead. */
export interface Offence {
  readonly path: string;
  /** 1 for what concerns the whole file. */
  readonly line: number;
  readonly message: string;
}

export interface TreeFile {
  /** Relative to the root, with slashes. */
  readonly path: string;
  readonly bytes: number;
  readonly executable: boolean;
  /** Undefined for a file that is not text. */
  readonly text: string | undefined;
}

/** A TypeScript file, parsed. */
export interface Module {
  readonly path: string;
  readonly ast: SourceFile;
}

/** Everything that the rules look at, read once. */
export interface SourceTree {
  readonly root: string;
  readonly files: readonly TreeFile[];
  readonly modules: ReadonlyMap<string, Module>;
}

/** Files that git tracks or would add. */
export function listFiles(root: string): string[] {
  const options = { cwd: root, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 } as const;
  const listed = execFileSync('git', ['ls-files', '-z', '-c', '-o', '--exclude-standard'], options);
  // Also named: what was deleted and not yet committed.
  return [...new Set(listed.split('\0'))].filter((path) => path !== '' && exists(root, path));
}

function exists(root: string, path: string): boolean {
  return statSync(join(root, path), { throwIfNoEntry: false })?.isFile() === true;
}

/** Reads and parses; the files that tsconfig.json includes become modules. */
export function readTree(root: string, paths: readonly string[]): SourceTree {
  const files = paths.map((path) => readFile(root, path)).toSorted(byPath);
  return { root, files, modules: parseModules(root, new Set(paths)) };
}

function byPath(a: TreeFile, b: TreeFile): number {
  return a.path < b.path ? -1 : 1;
}

function readFile(root: string, path: string): TreeFile {
  const bytes = readFileSync(join(root, path));
  const executable = (statSync(join(root, path)).mode & 0o111) !== 0;
  const text = bytes.includes(0) ? undefined : bytes.toString('utf8');
  return { path, bytes: bytes.length, executable, text };
}

function parseModules(root: string, paths: ReadonlySet<string>): Map<string, Module> {
  const api = new API({ cwd: root });
  try {
    const config = join(root, 'tsconfig.json');
    const project = api.updateSnapshot({ openProject: config }).getProject(config);
    if (project === undefined) throw new Error(`${config} could not be opened`);
    const modules = new Map<string, Module>();
    for (const file of project.rootFiles) {
      const path = file.slice(root.length + 1);
      const ast = paths.has(path) ? project.program.getSourceFile(file) : undefined;
      if (ast !== undefined) modules.set(path, { path, ast });
    }
    return modules;
  } finally {
    api.close();
  }
}
