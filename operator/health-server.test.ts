import assert from 'node:assert/strict';
import { it } from 'node:test';
import { HealthServer } from './health-server.ts';

it('health and metrics are told on a port of their own', async () => {
  let why: string | undefined = 'not everything was listed yet';
  const server = new HealthServer({
    ...{ host: '127.0.0.1', port: 0 },
    notReady: () => why,
    metrics: async () => 'a 1\n',
  });
  const port = await server.start();
  const ask = async (path: string) => {
    const answer = await fetch(`http://127.0.0.1:${port}${path}`);
    return [answer.status, await answer.text()];
  };
  assert.deepEqual(await ask('/livez'), [200, 'ok\n']);
  assert.deepEqual(await ask('/readyz?verbose'), [503, 'not everything was listed yet\n']);
  why = undefined;
  assert.deepEqual(await ask('/readyz'), [200, 'ok\n']);
  assert.deepEqual(await ask('/metrics'), [200, 'a 1\n']);
  assert.deepEqual(await ask('/'), [404, '']);
  const taken = new HealthServer({
    ...{ host: '127.0.0.1', port, notReady: () => undefined, metrics: async () => '' },
  });
  await assert.rejects(taken.start(), {
    name: 'AddressUnusable',
    message: /^cannot listen on 127\.0\.0\.1:\d+: the port is in use; choose .+_OPERATOR_PORT$/,
  });
  await taken.stop();
  await server.stop();
  await server.stop();
});
