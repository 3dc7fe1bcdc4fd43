import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { until } from '../deadline.ts';
import { build } from '../lab/artefacts.ts';
import {
  prometheus,
  prometheusConfigReloader,
  prometheusOperator,
} from '../lab/foreign-programs.ts';
import type { Kubectl } from '../lab/kubectl.ts';
import { established } from './definition.ts';
import { applyOnServer, objectsIn } from './manifests.ts';
import type { Target } from './target.ts';

/** What its documentation calls it, and where it has it. */
const NAMESPACE = 'monitoring';
const NAME = 'prometheus';
const PORT = 9090;
/** As it calls that of its module, which `prometheus` has. */
const VERSION = 'v3.5.0';
const DEFINITIONS = ['podmonitors', 'prometheusrules', 'prometheuses'] as const;
const SCRAPED_EVERY = '2s';
const START_MS = 240_000;

interface Sample {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: readonly [unixSeconds: number, value: string];
}

interface Rules {
  readonly groups: readonly {
    readonly rules: readonly { readonly name: string; readonly health: string }[];
  }[];
}

/** Prometheus' operator, with a Prometheus that follows every PodMonitor and PrometheusRule. */
export class Monitoring {
  readonly url = `http://${NAME}.${NAMESPACE}.svc:${PORT}`;
  readonly #kubectl: Kubectl;

  private constructor(kubectl: Kubectl) {
    this.#kubectl = kubectl;
  }

  /** Resolves when Prometheus answers. */
  static async start(target: Target): Promise<Monitoring> {
    const { kubectl } = target;
    const programs = [prometheusOperator, prometheusConfigReloader, prometheus];
    await target.load(...programs.map(({ image }) => image));
    const folder = await build(prometheusOperator.artefact, (line) => console.log(line));
    await applyOnServer(kubectl, await operator(join(folder, 'manifests', 'bundle.yaml')));
    for (const kind of DEFINITIONS) await established(kubectl, `crd/${kind}.monitoring.coreos.com`);
    const metadata = { name: NAME, namespace: NAMESPACE };
    await applyOnServer(kubectl, [
      { apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAMESPACE } },
      ...(await rights(join(folder, 'manifests', 'example', 'rbac', 'prometheus'))),
      {
        ...{ apiVersion: 'monitoring.coreos.com/v1', kind: 'Prometheus', metadata },
        spec: {
          ...{ replicas: 1, image: prometheus.image.name, version: VERSION },
          serviceAccountName: NAME,
          ...{ podMonitorSelector: {}, podMonitorNamespaceSelector: {} },
          ...{ ruleSelector: {}, ruleNamespaceSelector: {} },
          ...{ scrapeInterval: SCRAPED_EVERY, evaluationInterval: SCRAPED_EVERY },
          securityContext: { runAsNonRoot: true, runAsUser: 1000, fsGroup: 2000 },
        },
      },
      {
        ...{ apiVersion: 'v1', kind: 'Service', metadata },
        spec: { selector: { prometheus: NAME }, ports: [{ name: 'web', port: PORT }] },
      },
    ]);
    const monitoring = new Monitoring(kubectl);
    await until(() => monitoring.#answers(), {
      for: 'Prometheus to answer',
      ...{ deadlineMs: START_MS, everyMs: 1_000 },
    });
    return monitoring;
  }

  /** What an expression is now. */
  async query(expression: string): Promise<readonly Sample[]> {
    const path = `query?query=${encodeURIComponent(expression)}`;
    return ((await this.#ask(path)) as { readonly result: readonly Sample[] }).result;
  }

  /** Names of the rules that it has; those with errors are left out. */
  async rules(): Promise<ReadonlySet<string>> {
    const { groups } = (await this.#ask('rules')) as Rules;
    const all = groups.flatMap(({ rules }) => rules);
    return new Set(all.filter(({ health }) => health === 'ok').map(({ name }) => name));
  }

  async #answers(): Promise<boolean> {
    return (await this.#kubectl.attempt('get', '--raw', this.#path('query?query=1'))).code === 0;
  }

  async #ask(path: string): Promise<unknown> {
    const text = await this.#kubectl('get', '--raw', this.#path(path));
    return (JSON.parse(text) as { readonly data: unknown }).data;
  }

  #path(path: string): string {
    return `/api/v1/namespaces/${NAMESPACE}/services/${NAME}:${PORT}/proxy/api/v1/${path}`;
  }
}

/** As it is to be installed, but for its images. */
async function operator(bundle: string): Promise<readonly object[]> {
  const shown = await readFile(bundle, 'utf8');
  const own = [prometheusOperator, prometheusConfigReloader].reduce((text, { artefact, image }) => {
    const theirs = `quay.io/prometheus-operator/${artefact.name}:${artefact.version}`;
    if (!text.includes(theirs)) throw new Error(`${bundle}: no ${theirs}`);
    return text.replaceAll(theirs, image.name);
  }, shown);
  return objectsIn(own);
}

/** Those of its guide, for the namespace that Prometheus has here; without its Prometheus. */
async function rights(folder: string): Promise<readonly object[]> {
  const files = (await readdir(folder)).filter((file) => file !== 'prometheus.yaml');
  const texts = await Promise.all(files.map((file) => readFile(join(folder, file), 'utf8')));
  return texts
    .map((text) => text.replaceAll('namespace: default', `namespace: ${NAMESPACE}`))
    .flatMap(objectsIn)
    .map((object) => {
      const { kind, metadata } = object as { kind: string; metadata: object };
      if (kind !== 'ServiceAccount') return object;
      return { ...object, metadata: { ...metadata, namespace: NAMESPACE } };
    });
}
