import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { endWhenTold } from '../process/ending.ts';
import { foregroundClock as clock } from '../protocol/clock.ts';
import { Connection } from './kube/connection.ts';
import type { Credentials } from './kube/credentials.ts';
import { inCluster, isInCluster } from './kube/in-cluster.ts';
import { KubeMetrics } from './kube/metrics.ts';
import { UndiciTransport } from './kube/undici-transport.ts';
import { NAMES, Operator } from './operator.ts';
import type { OperatorSettings } from './settings/declaration.ts';
import { operatorHelp } from './settings/document.ts';
import { loadOperatorSettings } from './settings/load.ts';

// The operator as a process. Exit codes: 0 told to end; 1 failed; 2 told something impossible.

const NAMESPACE = 'wscluster-system';

/** What a person can put right, by name: what reads kubeconfigs is loaded only where one is. */
const THEIRS = new Set(['OperatorSettingsError', 'KubeconfigError', 'AddressUnusable']);

if (process.argv.includes('--help') || process.argv.includes('-h')) {
  process.stdout.write(operatorHelp());
} else await run(settingsOrExit());

function settingsOrExit(): OperatorSettings {
  try {
    return loadOperatorSettings(process.env);
  } catch (error) {
    return refuse(error);
  }
}

/** Says why; with a stack only when it is our mistake. */
function refuse(error: unknown): never {
  const known = error instanceof Error ? error : new Error(String(error));
  const theirs = THEIRS.has(known.name);
  process.stderr.write(`${theirs ? known.message : (known.stack ?? known.message)}\n`);
  process.exit(theirs ? 2 : 1);
}

async function run(settings: OperatorSettings): Promise<void> {
  const { logLevel, watchNamespaces, host, port, workers } = settings;
  const { version } = JSON.parse(
    readFileSync(join(import.meta.dirname, '..', 'package.json'), 'utf8'),
  ) as { version: string };
  const identity = `${settings.identity ?? hostname()}_${randomUUID()}`;
  const log = pino({ level: logLevel, base: { identity } });
  const credentials = await credentialsOf(settings).catch(refuse);
  const metrics = new KubeMetrics({
    host: new URL(credentials.origin).host,
    ...{ controllers: [NAMES.controller], leases: [NAMES.lease] },
  });
  const transport = new UndiciTransport({ origin: credentials.origin, clock });
  const userAgent = `wscluster-operator/${version}`;
  const counts = metrics.requests;
  const api = new Connection({ credentials, transport, clock, userAgent, counts });
  const namespace = settings.namespace ?? credentials.namespace ?? NAMESPACE;
  const gatewayImage = settings.gatewayImage ?? `wscluster/gateway:${version}`;
  const { metricsService, metricsPort } = settings;
  const operator = new Operator(
    {
      ...{ host, port, workers, namespace, watchNamespaces, gatewayImage, identity },
      ...{ metricsService, metricsPort, version },
    },
    { api, metrics, clock, random: Math.random, log },
  );
  const ending = endWhenTold({
    end: async () => {
      await operator.stop();
      await transport.close();
    },
    refuse,
    told: (signal) => log.info({ signal }, 'ending; a second signal ends it now'),
    broken: (err) => log.error({ err }, 'a mistake of ours: this operator ends'),
  });
  try {
    const address = await operator.start();
    log.info({ ...address, namespace, watchNamespaces, gatewayImage }, 'started');
  } catch (error) {
    // Told to leave while it was starting, it ends as whoever told it waits for.
    if (ending.begun) return;
    refuse(error);
  }
}

async function credentialsOf({
  kubeconfig: file,
  context,
}: OperatorSettings): Promise<Credentials> {
  if (file === undefined && context === undefined && isInCluster()) return inCluster({ clock });
  // Loaded late: it costs 80 MB, which a pod need not pay.
  const { kubeconfig } = await import('./kube/kubeconfig.ts');
  const given = {
    ...(file === undefined ? {} : { file }),
    ...(context === undefined ? {} : { context }),
  };
  return kubeconfig({ clock, ...given });
}
