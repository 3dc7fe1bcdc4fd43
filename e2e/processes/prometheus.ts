import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { manifest } from '../../scripts/documents/manifest.ts';
import { until } from '../deadline.ts';
import { Child } from './child.ts';
import { freePort } from './free-port.ts';

/** What it reads: as a PodMonitor would have it find a pod. */
export interface Scraped {
  /** `host:port`. */
  readonly address: string;
  readonly job: string;
  readonly namespace: string;
  readonly pod: string;
}

interface Sample {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface ActiveAlert {
  readonly state: 'pending' | 'firing';
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

interface Options {
  readonly targets: readonly Scraped[];
  /** Groups of rules. */
  readonly groups?: readonly object[];
}

interface Rules {
  readonly groups: readonly {
    readonly rules: readonly { readonly name: string; readonly health: string }[];
  }[];
}

const START_MS = 20_000;
const ANSWER_MS = 10_000;
/** Between two looks at each target, and at the rules. */
const INTERVAL = '1s';

/** Debian's Prometheus on a free port, with a temporary directory, gone afterwards. */
export class Prometheus {
  readonly #child: Child;
  readonly #port: number;
  readonly #directory: string;

  private constructor(child: Child, port: number, directory: string) {
    this.#child = child;
    this.#port = port;
    this.#directory = directory;
  }

  /** Resolves when it has read every target. */
  static async start({ targets, groups = [] }: Options): Promise<Prometheus> {
    const directory = await mkdtemp(join(tmpdir(), 'wscluster-prometheus-'));
    await writeFile(join(directory, 'rules.yaml'), manifest({ groups }));
    await writeFile(join(directory, 'prometheus.yaml'), manifest(configuration(targets)));
    const port = await freePort();
    const child = new Child({
      command: 'prometheus',
      args: [
        `--config.file=${join(directory, 'prometheus.yaml')}`,
        `--storage.tsdb.path=${join(directory, 'data')}`,
        `--web.listen-address=127.0.0.1:${port}`,
        '--log.level=warn',
      ],
    });
    const prometheus = new Prometheus(child, port, directory);
    try {
      await until(() => prometheus.#hasRead(targets.length), {
        for: () => `Prometheus to read ${targets.length} targets\n${child.output}`,
        ...{ deadlineMs: START_MS, everyMs: 100 },
      });
      return prometheus;
    } catch (error) {
      await prometheus.stop();
      throw error;
    }
  }

  /** What PromQL answers now. */
  async query(expression: string): Promise<Sample[]> {
    const { result } = await this.#ask<{
      readonly result: readonly {
        readonly metric: Readonly<Record<string, string>>;
        readonly value: readonly [number, string];
      }[];
    }>(`query?query=${encodeURIComponent(expression)}`);
    return result.map(({ metric, value: [, text] }) => ({ metric, value: Number(text) }));
  }

  /** Of that name, whether they fire already or not. */
  async alerts(name: string): Promise<ActiveAlert[]> {
    const { alerts } = await this.#ask<{ readonly alerts: readonly ActiveAlert[] }>('alerts');
    return alerts.filter(({ labels }) => labels['alertname'] === name);
  }

  /** How evaluating each rule went, by name: `ok`, or not. */
  async rules(): Promise<Map<string, string>> {
    const { groups } = await this.#ask<Rules>('rules');
    const rules = groups.flatMap((group) => group.rules);
    return new Map(rules.map(({ name, health }) => [name, health]));
  }

  async stop(): Promise<void> {
    await this.#child.end('SIGKILL');
    await rm(this.#directory, { recursive: true, force: true });
  }

  async #hasRead(count: number): Promise<boolean> {
    if (this.#child.exit !== undefined) throw new Error(`it ended: ${this.#child.output}`);
    try {
      return (await this.query('up == 1')).length === count;
    } catch {
      // Not listening yet.
      return false;
    }
  }

  async #ask<Data>(path: string): Promise<Data> {
    const address = `http://127.0.0.1:${this.#port}/api/v1/${path}`;
    const answer = await fetch(address, { signal: AbortSignal.timeout(ANSWER_MS) });
    const { data, error } = (await answer.json()) as {
      readonly data: Data;
      readonly error?: string;
    };
    if (error !== undefined) throw new Error(`Prometheus: ${error}: ${path}`);
    return data;
  }
}

function configuration(targets: readonly Scraped[]): object {
  return {
    global: { scrape_interval: INTERVAL, evaluation_interval: INTERVAL },
    rule_files: ['rules.yaml'],
    scrape_configs: targets.map(({ address, job, namespace, pod }) => ({
      job_name: pod,
      static_configs: [{ targets: [address], labels: { job, namespace, pod } }],
    })),
  };
}
