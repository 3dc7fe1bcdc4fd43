import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { commandKey } from './command-key-secret.ts';
import { refused } from './kube/kube-error.ts';
import { StandInApi } from './kube/testing/stand-in-api.ts';

const { signal } = new AbortController();
const SECRET = '/api/v1/namespaces/system/secrets/wscluster-operator-command-key';

describe('the Secret of the key for commands', () => {
  it('is made once, and shared', async () => {
    const api = new StandInApi();
    const [one, other] = await Promise.all([
      commandKey(api, 'system', signal),
      commandKey(api, 'system', signal),
    ]);
    assert.equal(one.publicKeys, other.publicKeys);
    assert.equal(api.calls.filter(({ method }) => method === 'POST').length, 2, 'both tried');
    const again = await commandKey(api, 'system', signal);
    assert.equal(again.publicKeys, one.publicKeys);
  });

  it('is named when what it holds is no key, and what that was is not', async () => {
    const api = new StandInApi();
    const key = Buffer.from('canary').toString('base64');
    api.put(SECRET, { data: { 'key.pem': key } });
    await assert.rejects(commandKey(api, 'system', signal), ({ message }: Error) => {
      assert.match(message, /Secret wscluster-operator-command-key in system holds no key/);
      return !message.includes('canary');
    });
  });

  it('is not made anew because it could not be read', async () => {
    const api = new StandInApi();
    api.fault = () => refused({ code: 403, what: 'GET', status: undefined, wallMs: 0 });
    await assert.rejects(commandKey(api, 'system', signal), /403/);
    assert.deepEqual(
      api.calls.map(({ method }) => method),
      ['GET'],
    );
  });
});
