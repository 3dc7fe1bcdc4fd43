import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import type { WsCluster } from '../../operator/api/wscluster.ts';
import { run } from '../lab/command.ts';

const SCRIPT = join(import.meta.dirname, '..', '..', 'deploy', 'argocd-health.lua');

type Said = readonly [status: string, reason: string, message: string];
type Metadata = Partial<WsCluster['metadata']>;

/** As Argo CD calls it: the object is `obj`, and what it returns is the health. */
async function healthOf(object: object): Promise<{ status: string; message: string }> {
  const program =
    `obj = ${asLua(object)}\nlocal health = dofile(${asLua(SCRIPT)})\n` +
    'io.write(health.status, "\\n", health.message)';
  const [status = '', message = ''] = (await run('lua5.4', ['-e', program])).split('\n');
  return { status, message };
}

function asLua(value: unknown): string {
  if (Array.isArray(value)) return `{${value.map(asLua).join(',')}}`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const members = Object.entries(value).map(([key, inner]) => `["${key}"]=${asLua(inner)}`);
  return `{${members.join(',')}}`;
}

const cluster = (said: Readonly<Record<string, Said>>, metadata: Metadata = {}): object => ({
  metadata: { name: 'chat', generation: 2, ...metadata },
  status: {
    conditions: Object.entries(said).map(([type, [status, reason, message]]) => ({
      ...{ type, status, reason, message, observedGeneration: 2 },
    })),
  },
});

const fine: Readonly<Record<string, Said>> = {
  Ready: ['True', 'AllReady', '3 gateways are ready'],
  Degraded: ['False', 'AsExpected', 'nothing needs a person'],
  Progressing: ['True', 'Complete', 'all are there'],
};
const waiting: Said = ['False', 'GatewaysNotReady', '1 of 3 gateways is ready'];

describe('health of a WsCluster for Argo CD', () => {
  const cases: Readonly<Record<string, readonly [object, status: string, message: string]>> = {
    'that nobody has looked at': [
      { metadata: { generation: 1 } },
      'Progressing',
      'the operator has not looked at it yet',
    ],
    'that is as it should be': [cluster(fine), 'Healthy', '3 gateways are ready'],
    'that was changed since': [
      cluster(fine, { generation: 3 }),
      'Progressing',
      'the operator has not looked at it yet',
    ],
    'that is being deleted': [
      cluster(fine, { deletionTimestamp: '2026-01-01T00:00:00Z' }),
      'Progressing',
      'it is being deleted',
    ],
    'whose gateways start': [
      cluster({ ...fine, Ready: waiting }),
      'Progressing',
      '1 of 3 gateways is ready',
    ],
    'that needs a person': [
      cluster({ ...fine, Ready: waiting, Degraded: ['True', 'QuotaBlocked', 'raise the quota'] }),
      'Degraded',
      'raise the quota',
    ],
    'that goes no further': [
      cluster({ ...fine, Ready: waiting, Progressing: ['False', 'DeadlineExceeded', 'stuck'] }),
      'Degraded',
      'stuck',
    ],
    'that was stopped': [
      cluster({ ...fine, Ready: ['True', 'Stopped', 'no gateway runs'] }),
      'Suspended',
      'no gateway runs',
    ],
  };

  for (const [which, [object, status, message]] of Object.entries(cases)) {
    test(`of one ${which} is ${status}`, async () => {
      assert.deepEqual(await healthOf(object), { status, message });
    });
  }
});
