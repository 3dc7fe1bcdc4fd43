import { Connection, type ConnectionOptions } from '../../operator/kube/connection.ts';
import type { Credentials } from '../../operator/kube/credentials.ts';
import { kubeconfig } from '../../operator/kube/kubeconfig.ts';
import type { Resource } from '../../operator/kube/resource.ts';
import { UndiciTransport } from '../../operator/kube/undici-transport.ts';
import { foregroundClock } from '../../protocol/clock.ts';
import type { Target } from './target.ts';

/** The operator's runtime on a cluster: what the suites `kube-*` share. */

export const configMaps: Resource = {
  ...{ group: '', version: 'v1', plural: 'configmaps', kind: 'ConfigMap', namespaced: true },
};

/** The kubeconfig of the cluster that a suite runs on. */
export function kubeconfigOf({ lab }: Target): string {
  const file = lab?.kubeconfig ?? process.env['E2E_KUBECONFIG'];
  if (file === undefined) throw new Error('neither a lab nor E2E_KUBECONFIG');
  return file;
}

export interface Connected {
  readonly api: Connection;
  readonly transport: UndiciTransport;
}

/** As an administrator, unless there are other credentials. */
export async function connect(
  target: Target,
  options: Partial<ConnectionOptions> & { readonly credentials?: Credentials } = {},
): Promise<Connected> {
  const clock = foregroundClock;
  const credentials =
    options.credentials ?? (await kubeconfig({ clock, file: kubeconfigOf(target) }));
  const transport = new UndiciTransport({ origin: credentials.origin, clock });
  const userAgent = 'wscluster-e2e/0';
  return {
    api: new Connection({ transport, clock, userAgent, ...options, credentials }),
    transport,
  };
}

export function configMap(
  namespace: string,
  name: string,
  data: Readonly<Record<string, string>> = {},
): object {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { namespace, name }, data };
}
