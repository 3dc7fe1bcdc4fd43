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
export async function visitor(options: VisitorOptions): Promise<object[]> {
  const { namespace, image, url, clients } = options;
  const metadata = { name: 'visitor', namespace };
  const container = {
    name: 'visitor',
    image,
    imagePullPolicy: 'IfNotPresent',
    command: ['node', '/visit/visit.mjs', url, String(clients)],
    securityContext: RESTRICTED,
    volumeMounts: [{ name: 'program', mountPath: '/visit' }],
  };
  const volumes = [{ name: 'program', configMap: { name: metadata.name } }];
  const spec = { restartPolicy: 'Never', containers: [container], volumes };
  return [
    { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { 'visit.mjs': await bundled() } },
    { apiVersion: 'v1', kind: 'Pod', metadata, spec },
  ];
}

async function bundled(): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [join(import.meta.dirname, 'visit-main.ts')],
    ...{ bundle: true, write: false, format: 'esm', platform: 'node', logLevel: 'silent' },
  });
  await stop();
  return outputFiles[0]?.text ?? '';
}
