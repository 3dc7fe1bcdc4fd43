import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { build } from '../lab/artefacts.ts';
import { prometheusAdapter } from '../lab/foreign-programs.ts';
import { applyOnServer, objectsIn } from './manifests.ts';
import type { Target } from './target.ts';

const NAMESPACE = 'monitoring';
const NAME = 'prometheus-adapter';
const IMAGE = /registry\.k8s\.io\/prometheus-adapter\/prometheus-adapter:\S+/g;
const PROMETHEUS = 'https://prometheus.monitoring.svc:9090/';
/** Left out of its manifests: it is to serve External metrics, by other rules. */
const INSTEAD = ['api-service.yaml', 'config-map.yaml'];

/** prometheus-adapter itself. `url`: of Prometheus. `rules`: its configuration, YAML. */
export async function installPrometheusAdapter(
  target: Target,
  { url, rules }: { readonly url: string; readonly rules: string },
): Promise<void> {
  await target.load(prometheusAdapter.image);
  const built = await build(prometheusAdapter.artefact, (line) => console.log(line));
  const folder = join(built, 'manifests', 'deploy', 'manifests');
  const files = (await readdir(folder)).filter((file) => !INSTEAD.includes(file));
  const texts = await Promise.all(files.map((file) => readFile(join(folder, file), 'utf8')));
  const own = texts.map((text) =>
    text.replaceAll(IMAGE, prometheusAdapter.image.name).replace(PROMETHEUS, `${url}/`),
  );
  await applyOnServer(target.kubectl, [
    ...own.flatMap(objectsIn),
    {
      ...{ apiVersion: 'v1', kind: 'ConfigMap' },
      metadata: { name: 'adapter-config', namespace: NAMESPACE },
      data: { 'config.yaml': rules },
    },
    {
      ...{ apiVersion: 'apiregistration.k8s.io/v1', kind: 'APIService' },
      metadata: { name: 'v1beta1.external.metrics.k8s.io' },
      spec: {
        ...{ group: 'external.metrics.k8s.io', version: 'v1beta1', insecureSkipTLSVerify: true },
        ...{ groupPriorityMinimum: 100, versionPriority: 100 },
        service: { namespace: NAMESPACE, name: NAME },
      },
    },
  ]);
  const rollout = ['rollout', 'status', `deployment/${NAME}`, '--timeout=180s'];
  await target.kubectl('-n', NAMESPACE, ...rollout);
}
