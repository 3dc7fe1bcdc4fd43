import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { loadOperatorSettings, OperatorSettingsError } from './load.ts';

describe('the settings of the operator', () => {
  it('are complete without any', () => {
    const settings = loadOperatorSettings({
      WSCLUSTER_PORT: 'not ours',
      WSCLUSTER_OPERATOR_HOST: '',
    });
    assert.deepEqual(settings, {
      ...{ host: '127.0.0.1', port: 9_002, workers: 4, logLevel: 'info', watchNamespaces: [] },
      metricsPort: 9_003,
    });
  });

  it('come from the environment', () => {
    const { watchNamespaces, port, gatewayImage } = loadOperatorSettings({
      WSCLUSTER_OPERATOR_WATCH_NAMESPACES: 'rooms, chats',
      WSCLUSTER_OPERATOR_PORT: '0',
      WSCLUSTER_OPERATOR_GATEWAY_IMAGE: 'example.com/gateway@sha256:0',
    });
    assert.deepEqual(
      [watchNamespaces, port, gatewayImage],
      [...[['rooms', 'chats'], 0, 'example.com/gateway@sha256:0']],
    );
  });

  it('are refused all at once, each with what would be right', () => {
    const env = {
      WSCLUSTER_OPERATOR_PORT: '70000',
      WSCLUSTER_OPERATOR_WATCH_NAMESPACES: 'a,B',
      WSCLUSTER_OPERATOR_LOGLEVEL: 'info',
      WSCLUSTER_OPERATOR_IDENTITY: 'a b',
    };
    assert.throws(
      () => loadOperatorSettings(env),
      (error) => {
        assert.ok(error instanceof OperatorSettingsError);
        assert.deepEqual(error.message.split('\n').sort(), [
          'WSCLUSTER_OPERATOR_IDENTITY: 1 to 128 of 0-9 A-Z a-z _ . -, not "a b"',
          'WSCLUSTER_OPERATOR_LOGLEVEL: there is no such variable; did you mean ' +
            'WSCLUSTER_OPERATOR_LOG_LEVEL?',
          'WSCLUSTER_OPERATOR_PORT: a whole number from 0 to 65535, not "70000"',
          'WSCLUSTER_OPERATOR_WATCH_NAMESPACES: at most 64, separated by commas, each a name of ' +
            'a namespace, not "a,B"',
        ]);
        return true;
      },
    );
  });
});
