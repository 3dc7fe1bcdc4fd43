import type { WsCluster } from '../../operator/api/wscluster.ts';
import { until } from '../deadline.ts';
import { DEFINITION, established } from './definition.ts';
import { CHART, helms } from './helm.ts';
import { becomesReady, chat, home } from './installation.ts';
import { objectsIn } from './manifests.ts';
import { API_SERVICE } from './metrics-world.ts';
import { blockUnder, changed } from './page.ts';
import type { Target } from './target.ts';
import { Throng } from './throng.ts';
import { namespace } from './workload.ts';

const PAGE = 'autoscaling.md';
export const SYSTEM = 'wscluster-system';
/** Connections per gateway. */
const PER_GATEWAY = 40;
export const BOUNDS = { least: 1, most: 5 } as const;
/** Seconds for which fewer must have been enough. */
export const PATIENCE_S = 10;
const SCALE_MS = 120_000;

/** How many gateways so many clients need. */
export const forClients = (count: number): number => Math.ceil(count / PER_GATEWAY);

/** A WsCluster `chat` of mode `External`, its clients, and whoever else is to scale it. */
export class ForeignScaling {
  readonly target: Target;
  readonly namespace: string;
  readonly #throngs: Throng[] = [];
  #url = '';

  private constructor(target: Target, where: string) {
    this.target = target;
    this.namespace = where;
  }

  /** Resolves when one gateway serves. `values`: of the chart. */
  static async start(
    target: Target,
    { where, values, spec }: { where: string; values: readonly string[]; spec: object },
  ): Promise<ForeignScaling> {
    const { kubectl } = target;
    const [, helm] = await helms(target.lab?.kubeconfig);
    await kubectl.apply(namespace(SYSTEM));
    await home(kubectl, where);
    const set = ['policy.enabled=false', ...values].flatMap((value) => ['--set', value]);
    await helm('install', 'wscluster', CHART, '-n', SYSTEM, ...set, '--wait');
    await established(kubectl, DEFINITION);
    const bounds = { minReplicas: BOUNDS.least, maxReplicas: BOUNDS.most };
    const disruption = { movesPerSecond: 100, drainGraceSeconds: 1, drainDeadlineSeconds: 30 };
    const autoscaling = { mode: 'External', ...bounds };
    await kubectl.apply(chat(where, { replicas: 1, autoscaling, disruption, ...spec }));
    await becomesReady(kubectl, where);
    const scaling = new ForeignScaling(target, where);
    const path = '-o=jsonpath={.spec.clusterIP}:{.spec.ports[0].port}';
    scaling.#url = `ws://${await scaling.kubectl('get', 'service/chat', path)}/ws`;
    return scaling;
  }

  /** In its namespace. */
  readonly kubectl = (...args: readonly string[]): Promise<string> =>
    this.target.kubectl('-n', this.namespace, ...args);

  /** In its namespace. */
  async apply(objects: readonly object[]): Promise<void> {
    const list = { apiVersion: 'v1', kind: 'List', items: objects };
    await this.target.kubectl.piped(['apply', '-n', this.namespace, '-f', '-'], list);
  }

  /**
   * What the page shows under a heading, with values for a test. `bounds`: the texts that it has
   * for the least and the most.
   */
  async recipe(heading: string, bounds: readonly [string, string]): Promise<readonly object[]> {
    const block = await blockUnder(PAGE, heading, 'apiVersion');
    const [least, most] = bounds;
    const where = block.text.includes('NAMESPACE') ? [['NAMESPACE', this.namespace] as const] : [];
    const text = changed(block, [
      ...where,
      ['"20000"', `"${PER_GATEWAY}"`],
      [`${least}: 3`, `${least}: ${BOUNDS.least}`],
      [`${most}: 20`, `${most}: ${BOUNDS.most}`],
      ['stabilizationWindowSeconds: 600', `stabilizationWindowSeconds: ${PATIENCE_S}`],
      ['{ type: Percent, value: 10,', '{ type: Percent, value: 100,'],
    ]);
    return objectsIn(text);
  }

  /** A part of an object that the page shows under a heading, as text. */
  async fragment(heading: string, containing: string): Promise<string> {
    const block = await blockUnder(PAGE, heading, containing);
    const target = block.text.includes('"20000"') ? [['"20000"', `"${PER_GATEWAY}"`] as const] : [];
    return changed(block, [['NAMESPACE', this.namespace], ...target]);
  }

  /** Clients that stay until `leave`. Resolves when they are connected. */
  async come(count: number): Promise<void> {
    const { lab } = this.target;
    const { pid } = lab?.component('kube-apiserver') ?? {};
    this.#throngs.push(await Throng.start(pid, this.#url, count));
  }

  async leave(): Promise<void> {
    for (const throng of this.#throngs) await throng.leave();
  }

  async wanted(): Promise<number> {
    const cluster = await this.target.kubectl.get('-n', this.namespace, 'wsc/chat');
    return (cluster as WsCluster).spec.replicas;
  }

  async wants(replicas: number): Promise<void> {
    let last = 0;
    const isWanted = async () => {
      last = await this.wanted();
      return last === replicas;
    };
    await until(isWanted, {
      for: () => `${replicas} replicas to be wanted, not ${last}`,
      ...{ deadlineMs: SCALE_MS, everyMs: 500 },
    });
  }

  /** Waits until a HorizontalPodAutoscaler says this of itself: `True ValidMetricFound`. */
  async scales(autoscaler: string, is: string): Promise<void> {
    let last = '';
    const found = '.status.conditions[?(@.type=="ScalingActive")]';
    const path = `-o=jsonpath={${found}.status} {${found}.reason}: {${found}.message}`;
    const ask = ['-n', this.namespace, 'get', `hpa/${autoscaler}`, path];
    const says = async () => {
      last = (await this.target.kubectl.attempt(...ask)).stdout;
      return last.startsWith(`${is}: `);
    };
    await until(says, {
      for: () => `${autoscaler} to say ${is}, not ${last}`,
      ...{ deadlineMs: SCALE_MS, everyMs: 500 },
    });
  }

  /** The Service that serves External metrics: `namespace/name`. */
  served(): Promise<string> {
    const path = '-o=jsonpath={.spec.service.namespace}/{.spec.service.name}';
    return this.target.kubectl('get', API_SERVICE, path);
  }
}
