// What Helm runs before the operator goes: takes the API server's reference to its metrics away,
// and ends with 0 when there is none. In a pod of the operator's account.

import { foregroundClock as clock } from '../protocol/clock.ts';
import { Connection } from './kube/connection.ts';
import { inCluster } from './kube/in-cluster.ts';
import { UndiciTransport } from './kube/undici-transport.ts';
import { withdraw } from './metrics-api/api-service.ts';

const DEADLINE_MS = 60_000;

const credentials = await inCluster({ clock });
const { origin, namespace } = credentials;
if (namespace === undefined) throw new Error('this is no pod: there is no namespace');
const transport = new UndiciTransport({ origin, clock });
const userAgent = 'wscluster-withdraw';
const api = new Connection({ credentials, transport, clock, userAgent });
const signal = AbortSignal.timeout(DEADLINE_MS);
const outcome = await withdraw(api, { namespace, forGood: true, signal });
await transport.close();
process.stdout.write(`metrics: ${outcome}\n`);
process.exit(0);
