import { join } from 'node:path';
import { build, stop } from 'esbuild';
import { RESTRICTED, type Workload } from '../workload.ts';

/** What the program says at its end. */
export interface Visited {
  readonly published: number;
  readonly told: readonly {
    readonly seen: readonly number[];
    readonly gaps: readonly unknown[];
    readonly moves: readonly string[];
  }[];
}

export interface VisitorOptions extends Workload {
  readonly url: string;
  readonly clients: number;
}

/** A pod of clients, and the program that it runs. */
export async function visitor({ url, clients, ...where }: VisitorOptions): Promise<object[]> {
  const program = await bundled(join(import.meta.dirname, 'visit-main.ts'), 'esm');
  return pod({ ...where, name: 'visitor', program, args: ['main.mjs', url, String(clients)] });
}

/** A pod in which wscat listens. */
export async function wscat({ url, ...where }: Workload & { url: string }): Promise<object[]> {
  const root = join(import.meta.dirname, '..', '..', '..');
  const program = await bundled(join(root, 'node_modules/wscat/bin/wscat'), 'cjs');
  return pod({ ...where, name: 'wscat', program, args: ['main.cjs', '--connect', url] });
}

/** A pod in which nothing happens by itself: others are told to run something in it. */
export function bystander(where: Workload): object[] {
  const program = 'setInterval(() => {}, 60_000);';
  return pod({ ...where, name: 'bystander', program, args: ['main.mjs'] });
}

interface PodOptions extends Workload {
  readonly name: string;
  readonly program: string;
  /** The first is the name of its file, which says what kind of module it is. */
  readonly args: readonly string[];
}

function pod({ name, namespace, image, program, args }: PodOptions): object[] {
  const metadata = { name, namespace };
  const container = {
    ...{ name, image, imagePullPolicy: 'IfNotPresent' },
    ...{ command: ['node', ...args], workingDir: '/program' },
    // wscat ends with its standard input.
    stdin: true,
    securityContext: RESTRICTED,
    volumeMounts: [{ name: 'program', mountPath: '/program' }],
  };
  const volumes = [{ name: 'program', configMap: { name } }];
  const spec = {
    ...{ restartPolicy: 'Never', terminationGracePeriodSeconds: 1 },
    ...{ containers: [container], volumes },
  };
  return [
    { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { [args[0] ?? '']: program } },
    { apiVersion: 'v1', kind: 'Pod', metadata, spec },
  ];
}

async function bundled(entryPoint: string, format: 'esm' | 'cjs'): Promise<string> {
  const { outputFiles } = await build({
    ...{ entryPoints: [entryPoint], bundle: true, write: false, logLevel: 'silent' },
    ...{ format, platform: 'node', loader: { '': 'js' } },
    // What is applied stands in an annotation, too, which holds 256 KiB.
    minify: true,
  });
  await stop();
  return outputFiles[0]?.text ?? '';
}
