import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { gatewayStatus, gatewayView } from './testing/gateway-views.ts';
import { situation } from './testing/situations.ts';
import { versionSkew } from './version-skew.ts';

const of = (version: string, revision = 'one', phase: 'running' | 'leaving' = 'running') => {
  const report = { status: gatewayStatus({ version }) };
  return gatewayView(`${revision}-${version}`, { revision, phase, report });
};
const said = (own: string, ...gateways: ReturnType<typeof of>[]) => {
  const { status, reason, message } = versionSkew(situation(gateways, { version: own }));
  return { is: `${status} ${reason}`, message };
};

describe('the versions of gateways and operator', () => {
  it('are meant for each other one minor version back, whatever their patch', () => {
    for (const own of ['0.2.0', '0.2.9', '0.3.1', '0.2.0-rc.1']) {
      assert.equal(said(own, of('0.2.5')).is, 'False Supported', own);
    }
  });

  it('are not when the operator is the older one', () => {
    const { is, message } = said('0.2.0', of('0.3.0'), of('0.2.0', 'two'));
    assert.equal(is, 'True OperatorOlder');
    assert.match(message, /^gateways have version 0\.3\.0, which this operator, 0\.2\.0, does not/);
    assert.equal(said('0.9.0', of('1.0.0')).is, 'True OperatorOlder');
  });

  it('are not when gateways are further back', () => {
    const { is, message } = said('0.4.0', of('0.2.9'), of('0.4.0', 'two'));
    assert.equal(is, 'True GatewaysTooOld');
    assert.match(
      message,
      /version 0\.2\.9, and this operator, 0\.4\.0, .*kubectl wscluster restart/,
    );
    assert.equal(said('1.0.0', of('0.9.0')).is, 'True GatewaysTooOld');
  });

  it('are two in a rollout, and not in one revision', () => {
    assert.equal(said('0.2.0', of('0.1.0', 'one'), of('0.2.0', 'two')).is, 'False Supported');
    const { is, message } = said('0.2.0', of('0.2.1'), of('0.2.0'));
    assert.equal(is, 'True SeveralVersions');
    assert.match(message, /^gateways of one revision have versions 0\.2\.0 and 0\.2\.1: the tag/);
  });

  it('are those of gateways that stay and say theirs', () => {
    assert.equal(said('0.2.0').is, 'Unknown NotTold');
    assert.equal(said('0.2.0', of('something')).is, 'Unknown NotTold');
    const leaving = of('0.9.0', 'old', 'leaving');
    assert.equal(said('0.2.0', leaving, of('0.2.0')).is, 'False Supported');
  });
});
