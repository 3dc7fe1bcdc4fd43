import { join } from 'node:path';
import { until } from '../deadline.ts';
import { build } from '../lab/artefacts.ts';
import { keda } from '../lab/foreign-programs.ts';
import type { Kubectl } from '../lab/kubectl.ts';
import { applyOnServer, objectsIn } from './manifests.ts';
import { API_SERVICE } from './metrics-world.ts';
import type { Target } from './target.ts';

/** As its manifests name it. */
const PLACE = ['-n', 'keda'] as const;
const IMAGES = /ghcr\.io\/kedacore\/[\w-]+:\w+/g;
const START_MS = 240_000;

/** KEDA itself, by its manifests but for the images. Resolves when it serves External metrics. */
export async function installKeda(target: Target): Promise<void> {
  const { kubectl } = target;
  await target.load(keda.image);
  const folder = await build(keda.artefact, (line) => console.log(line));
  const shown = await kubectl('kustomize', join(folder, 'manifests', 'config', 'minimal'));
  const own = shown
    .replaceAll(IMAGES, keda.image.name)
    .replaceAll('imagePullPolicy: Always', 'imagePullPolicy: IfNotPresent');
  await applyOnServer(kubectl, objectsIn(own));
  const path = '-o=jsonpath={.status.conditions[?(@.type=="Available")].status}';
  const serves = async () => (await kubectl.attempt('get', API_SERVICE, path)).stdout === 'True';
  await until(serves, {
    for: 'KEDA to serve External metrics',
    ...{ deadlineMs: START_MS, everyMs: 1_000 },
  }).catch(async (error: unknown) => {
    const pods = await kubectl.attempt(...PLACE, 'get', 'pods');
    const said = await kubectl.attempt(...PLACE, 'logs', 'deployment/keda-operator', '--tail=20');
    throw new Error(`${pods.stdout}${said.stdout}${said.stderr}`, { cause: error });
  });
}

/**
 * Gives it an authority (PEM, as base64) to believe, as docs/autoscaling.md says: in a folder of
 * its own, which it reads when it starts.
 */
export async function tellKedaOf(kubectl: Kubectl, certificate: string): Promise<void> {
  const metadata = { name: 'wscluster-ca', namespace: 'keda' };
  await kubectl.apply({
    ...{ apiVersion: 'v1', kind: 'Secret', metadata },
    data: { 'ca.crt': certificate },
  });
  const volumes = [{ name: metadata.name, secret: { secretName: metadata.name } }];
  const mounted = [{ name: metadata.name, mountPath: '/custom/ca', readOnly: true }];
  const containers = [{ name: 'keda-operator', volumeMounts: mounted }];
  const patch = JSON.stringify({ spec: { template: { spec: { volumes, containers } } } });
  await kubectl(...PLACE, 'patch', 'deployment/keda-operator', '-p', patch);
  await kubectl(...PLACE, 'rollout', 'status', 'deployment/keda-operator', '--timeout=180s');
}

interface ScaledObject {
  readonly kind: 'ScaledObject';
  readonly spec: { readonly triggers: readonly Trigger[] };
}

export interface Trigger {
  readonly type: string;
  readonly metadata: Readonly<Record<string, string>>;
}

/** A ScaledObject with other triggers; other objects as they are. */
export function triggeredBy(
  objects: readonly object[],
  triggers: readonly Trigger[],
): readonly object[] {
  return objects.map((object) => {
    if (!isScaled(object)) return object;
    return { ...object, spec: { ...object.spec, triggers } };
  });
}

export const triggersOf = (objects: readonly object[]): readonly Trigger[] =>
  objects.filter(isScaled).flatMap(({ spec }) => spec.triggers);

const isScaled = (object: object): object is ScaledObject =>
  'kind' in object && object.kind === 'ScaledObject';
