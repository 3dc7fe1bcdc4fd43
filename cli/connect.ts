import { type ApiServer, Connection } from '../operator/kube/connection.ts';
import { KubeconfigError, kubeconfig } from '../operator/kube/kubeconfig.ts';
import { UndiciTransport } from '../operator/kube/undici-transport.ts';
import { foregroundClock as clock } from '../protocol/clock.ts';
import type { Options } from './command.ts';
import { Complaint } from './complaint.ts';
import { version } from './version.ts';

/** Of one question to the API server. */
const DEADLINE_MS = 15_000;

export interface Connected {
  readonly api: ApiServer;
  /** Of the context; undefined: it says none. */
  readonly namespace: string | undefined;
  close(): Promise<void>;
}

/** To the API server of the kubeconfig's context. Rejects with a `Complaint` where it has none. */
export async function connect({ kubeconfig: file, context }: Options): Promise<Connected> {
  const given = {
    ...(file === undefined ? {} : { file }),
    ...(context === undefined ? {} : { context }),
  };
  const credentials = await kubeconfig({ clock, ...given }).catch((error: unknown) => {
    throw error instanceof KubeconfigError ? new Complaint(error.message) : error;
  });
  const transport = new UndiciTransport({ origin: credentials.origin, clock });
  const userAgent = `kubectl-wscluster/${version()}`;
  const deadlineMs = DEADLINE_MS;
  return {
    api: new Connection({ credentials, transport, clock, userAgent, deadlineMs }),
    namespace: credentials.namespace,
    close: () => transport.close(),
  };
}
