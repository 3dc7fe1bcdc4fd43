// What `helm test` runs: whether an installation works. `node main.ts <operator> [<WsCluster>]`:
// `http://host:port` of the operator, and `ws://host:port/ws` of a WsCluster, for which a token may
// stand in WSCLUSTER_ACCEPTANCE_TOKEN. Says each step, and ends with 1 at the first that failed.

import { foregroundClock as clock } from '../../protocol/clock.ts';
import { kind, versions } from '../api/wscluster.ts';
import { Connection } from '../kube/connection.ts';
import { inCluster } from '../kube/in-cluster.ts';
import { UndiciTransport } from '../kube/undici-transport.ts';
import { passMessages } from './messages.ts';

const DEADLINE_MS = 60_000;
const PAUSE_MS = 1_000;

const [operator, cluster] = process.argv.slice(2);
const say = (line: string) => process.stdout.write(`${line}\n`);

async function isReady(url: string): Promise<void> {
  const end = clock.now() + DEADLINE_MS;
  for (;;) {
    const left = end - clock.now();
    const answer = await fetch(url, {
      signal: AbortSignal.timeout(Math.max(1, Math.ceil(left))),
    }).then(
      async (response) => (response.ok ? undefined : (await response.text()).trim()),
      (error: unknown) => (error instanceof Error ? error.message : String(error)),
    );
    if (answer === undefined) return;
    if (clock.now() >= end) throw new Error(`${url}: ${answer}`);
    await new Promise((resolve) => clock.after(PAUSE_MS, () => resolve(undefined)));
  }
}

async function isServed(path: string): Promise<void> {
  const credentials = await inCluster({ clock });
  const transport = new UndiciTransport({ origin: credentials.origin, clock });
  const userAgent = 'wscluster-acceptance';
  try {
    await new Connection({ credentials, transport, clock, userAgent }).call({
      method: 'GET',
      path,
    });
  } finally {
    await transport.close();
  }
}

try {
  if (operator === undefined) throw new Error('the address of the operator is missing');
  await isReady(`${operator}/readyz`);
  say('the operator is ready');
  await isServed(`/apis/${kind.group}/${versions.stored}`);
  say('the API server knows WsClusters');
  if (cluster === undefined) {
    say('no WsCluster was named; `--set test.wsCluster=NAME` of `helm upgrade` names one');
  } else {
    const token = process.env['WSCLUSTER_ACCEPTANCE_TOKEN'];
    await passMessages({ url: cluster, ...(token === undefined ? {} : { token }), say });
  }
  process.exit(0);
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
}
