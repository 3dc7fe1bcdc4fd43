import type { Kubectl } from '../lab/kubectl.ts';
import { GATEWAYS } from './installation.ts';

const NAME = 'bare';
const LABELS = { app: NAME };

interface Made {
  readonly spec: {
    readonly replicas: number;
    readonly template: { readonly spec: object };
  };
}

/**
 * How long a Deployment with the pods of the WsCluster `chat`, which nobody operates, takes from
 * when it is applied until all are ready; milliseconds. It is gone afterwards.
 */
export async function bare(kubectl: Kubectl, namespace: string): Promise<number> {
  const list = await kubectl.get('deployments', '-n', namespace, '-l', GATEWAYS);
  const [made] = (list as { readonly items: readonly Made[] }).items;
  const { replicas, template } = made?.spec ?? { replicas: 0, template: { spec: {} } };
  const deployment = {
    ...{ apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: NAME, namespace } },
    spec: {
      ...{ replicas, selector: { matchLabels: LABELS } },
      template: { metadata: { labels: LABELS }, spec: template.spec },
    },
  };
  const began = performance.now();
  await kubectl.apply(deployment);
  const ready = `--for=jsonpath={.status.readyReplicas}=${replicas}`;
  await kubectl('-n', namespace, 'wait', `deployment/${NAME}`, ready, '--timeout=180s');
  const took = performance.now() - began;
  await kubectl('-n', namespace, 'delete', `deployment/${NAME}`, '--timeout=60s');
  const gone = ['--for=delete', '--timeout=120s'];
  await kubectl('-n', namespace, 'wait', 'pods', '-l', `app=${NAME}`, ...gone);
  return took;
}
