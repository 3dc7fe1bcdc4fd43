import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Artefact } from './artefacts.ts';
import { type Image, imageOf } from './images.ts';
import { go, STRIPPED } from './programs.ts';

/**
 * What others run beside the product, at the version that was tried, with the manifests that come
 * with it. They take long to build: only suites that are named ask for them.
 */
interface Foreign {
  readonly name: string;
  readonly version: string;
  /** Path of its module. */
  readonly module: string;
  /** Folders of it that are modules of the same version, which its own `go.mod` wants there. */
  readonly within?: readonly string[];
  /** Packages of programs, by the name that each has at the root of its image. */
  readonly programs: Readonly<Record<string, string>>;
  /** Files and folders of the module. */
  readonly manifests: readonly string[];
}

export interface ForeignPrograms {
  /** A folder with the programs, and with `manifests`. */
  readonly artefact: Artefact;
  /** Has all of them. Without a command it runs the first. */
  readonly image: Image;
}

const NOBODY = 65_534;
const WHOLE = { recursive: true };

export const keda = foreign({
  name: 'keda',
  version: 'v2.21.0',
  module: 'github.com/kedacore/keda/v2',
  programs: { keda: './cmd/operator', 'keda-adapter': './cmd/adapter' },
  manifests: ['config'],
});

export const prometheusAdapter = foreign({
  name: 'prometheus-adapter',
  version: 'v0.12.0',
  module: 'sigs.k8s.io/prometheus-adapter',
  programs: { adapter: './cmd/adapter' },
  manifests: ['deploy/manifests'],
});

/** Debian's knows nothing of Kubernetes. Version 3.5. */
export const prometheus = foreign({
  name: 'prometheus',
  version: 'v0.305.0',
  module: 'github.com/prometheus/prometheus',
  programs: { 'bin/prometheus': './cmd/prometheus' },
  manifests: [],
});

const PROMETHEUS_OPERATOR: Omit<Foreign, 'name' | 'programs'> = {
  version: 'v0.85.0',
  module: 'github.com/prometheus-operator/prometheus-operator',
  within: ['pkg/apis/monitoring', 'pkg/client'],
  manifests: ['bundle.yaml', 'example/rbac/prometheus'],
};

export const prometheusOperator = foreign({
  ...{ ...PROMETHEUS_OPERATOR, name: 'prometheus-operator' },
  programs: { operator: './cmd/operator' },
});

/** Beside each Prometheus: gives it the configuration that the operator has written. */
export const prometheusConfigReloader = foreign({
  ...{ ...PROMETHEUS_OPERATOR, name: 'prometheus-config-reloader' },
  programs: { 'bin/prometheus-config-reloader': './cmd/prometheus-config-reloader' },
});

function foreign({ name, version, module, within = [], ...parts }: Foreign): ForeignPrograms {
  const { programs, manifests } = parts;
  const artefact: Artefact = {
    name,
    version,
    inputs: [module, JSON.stringify([within, parts]), ...STRIPPED],
    make: async (folder) => {
      const source = await mkdtemp(join(tmpdir(), 'foreign-'));
      try {
        for (const part of ['', ...within]) {
          await cp(await downloaded(join(module, part), version), join(source, part), WHOLE);
        }
        // As its own build does: `go install` takes no module that replaces others.
        for (const [program, path] of Object.entries(programs)) {
          await go(['build', ...STRIPPED, '-o', join(folder, program), path], source);
        }
        for (const path of manifests) {
          await cp(join(source, path), join(folder, 'manifests', path), WHOLE);
        }
      } finally {
        await rm(source, { recursive: true, force: true });
      }
    },
  };
  const image = imageOf(artefact, { programs: Object.keys(programs), user: NOBODY });
  return { artefact, image };
}

/** The folder of a module, whose sum Go has checked. */
async function downloaded(module: string, version: string): Promise<string> {
  const said = await go(['mod', 'download', '-json', `${module}@${version}`], tmpdir());
  return (JSON.parse(said) as { readonly Dir: string }).Dir;
}
