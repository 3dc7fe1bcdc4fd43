// `kube-elector-main.ts <kubeconfig> <namespace> <identity>`: takes part in an election; as long
// as it leads writes its name, as fast as it is answered. Says `leading`, `leading no more`, and
// `last asked N T` before it: its last write, and when (Unix ms) it asked whether it may send it.

import { Connection } from '../../operator/kube/connection.ts';
import { Election, whileLeading } from '../../operator/kube/election.ts';
import { kubeconfig } from '../../operator/kube/kubeconfig.ts';
import type { Log } from '../../operator/kube/log.ts';
import { pathOf } from '../../operator/kube/resource.ts';
import { UndiciTransport } from '../../operator/kube/undici-transport.ts';
import { foregroundClock as clock } from '../../protocol/clock.ts';
import { configMap, configMaps } from './kube-target.ts';

const [file = '', namespace = '', identity = ''] = process.argv.slice(2);
const say = (line: string) => process.stdout.write(`${line}\n`);
const told = (fields: object, message: string) => {
  const cause = 'err' in fields ? fields.err : 'why' in fields ? fields.why : '';
  say(`${message}: ${String(cause)}`);
};
const log: Log = { debug: () => {}, info: told, warn: told, error: told };

const credentials = await kubeconfig({ clock, file });
const transport = new UndiciTransport({ origin: credentials.origin, clock });
const api = new Connection({ credentials, transport, clock, userAgent: `elector/${identity}` });
const path = pathOf(configMaps, { namespace, name: 'written-by' });

let asked = 'nothing was asked';
const election = new Election({
  ...{ api, clock, random: Math.random, log, identity, namespace, name: 'elector' },
  leading: (leads) => {
    if (!leads) say(asked);
  },
  lead: async (signal, term) => {
    let count = 0;
    const check = () => {
      term.check();
      asked = `last asked ${count} ${Date.now()}`;
    };
    const mine = whileLeading(api, { check }, signal);
    for (; !signal.aborted; count += 1) {
      const body = configMap(namespace, 'written-by', { identity, count: String(count) });
      const query = { fieldManager: 'elector', force: true };
      const patch = 'apply-patch+yaml' as const;
      await mine.call({ method: 'PATCH', path, query, body, patch }).catch((error: unknown) => {
        if (!signal.aborted) told({ err: error }, 'a write failed');
      });
    }
  },
});
election.start();

process.once('SIGTERM', async () => {
  await election.stop();
  await transport.close();
  say('stopped');
});
