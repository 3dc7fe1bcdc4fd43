import { readFileSync } from 'node:fs';
import { rename, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { type Artefact, build, type Say } from './artefacts.ts';
import { run } from './command.ts';

/** What is built from Go modules. 1.35 is the last Kubernetes that takes containerd 1. */
const KUBERNETES = 'v1.35.4';
const COREDNS = 'v1.12.4';
const HELM = { 3: 'v3.22.0', 4: 'v4.3.1' } as const;

const COMPONENTS = [
  'kube-apiserver',
  'kube-controller-manager',
  'kube-scheduler',
  'kube-proxy',
  'kubelet',
  'kubectl',
];

const BUILD_MS = 90 * 60_000;
/** Two compilers at a time and after all others: whoever works on the machine goes first. */
const GO = ['-n', '19', 'go'];
const FLAGS = ['-p', '2', '-trimpath'];
const STRIP = '-s -w';
/** Those of all programs that tell no version. */
export const STRIPPED: readonly string[] = [...FLAGS, '-ldflags', STRIP];
const ENVIRONMENT = { CGO_ENABLED: '0' };

const source = (...path: string[]) => join(import.meta.dirname, ...path);
const read = (...path: string[]) => readFileSync(source(...path), 'utf8');

/** One program; its symlinks have the components' names. */
function kubernetes(): Artefact {
  const version = ['component-base/version', 'client-go/pkg/version'].map(
    (path) => `-X k8s.io/${path}.gitVersion=${KUBERNETES}`,
  );
  const flags = [...FLAGS, '-tags', 'providerless', '-ldflags', [STRIP, ...version].join(' ')];
  const files = ['main.go', 'go.mod', 'go.sum'].map((file) => read('kubernetes', file));
  return {
    name: 'kubernetes',
    version: KUBERNETES,
    inputs: [...files, ...flags, ...COMPONENTS],
    make: async (folder) => {
      await go(['build', ...flags, '-o', join(folder, 'kubernetes'), '.'], source('kubernetes'));
      for (const name of COMPONENTS) await symlink('kubernetes', join(folder, name));
    },
  };
}

/** The program that holds a pod's namespaces. */
export const pause = (): Artefact =>
  ownProgram({
    ...{ name: 'pause', version: '1', folder: source('pause') },
    files: ['main.go', 'go.mod'],
  });

interface OwnProgram {
  /** Of the program in the artefact's folder, too. */
  readonly name: string;
  readonly version: string;
  /** Where its source is. */
  readonly folder: string;
  /** All that is there. */
  readonly files: readonly string[];
}

/** A program whose source, in Go, stands in this repository. */
export function ownProgram({ name, version, folder, files }: OwnProgram): Artefact {
  const texts = files.map((file) => readFileSync(join(folder, file), 'utf8'));
  return {
    ...{ name, version, inputs: [...texts, ...STRIPPED] },
    make: async (into) => {
      await go(['build', ...STRIPPED, '-o', join(into, name), '.'], folder);
    },
  };
}

export const coredns = (): Artefact => installed('coredns', COREDNS, 'github.com/coredns/coredns');

const helm = (major: 3 | 4): Artefact =>
  installed(`helm${major}`, HELM[major], `helm.sh/helm/v${major}/cmd/helm`);

function installed(name: string, version: string, path: string): Artefact {
  return {
    name,
    version,
    inputs: [path, ...STRIPPED],
    make: async (folder) => {
      await go(['install', ...STRIPPED, `${path}@${version}`], folder, { GOBIN: folder });
      const last = path.split('/').at(-1) ?? name;
      if (last !== name) await rename(join(folder, last), join(folder, name));
    },
  };
}

/** Resolves with what it printed. */
export function go(
  args: readonly string[],
  cwd: string,
  env: Readonly<Record<string, string>> = {},
): Promise<string> {
  const options = { cwd, env: { ...ENVIRONMENT, ...env }, deadlineMs: BUILD_MS };
  return run('nice', [...GO, ...args], options);
}

/** Folders with the programs. */
export interface Programs {
  readonly kubernetes: string;
  readonly helm3: string;
  readonly helm4: string;
}

/** Builds what is absent. */
export async function buildPrograms(say: Say): Promise<Programs> {
  return {
    kubernetes: await build(kubernetes(), say),
    helm3: await build(helm(3), say),
    helm4: await build(helm(4), say),
  };
}
