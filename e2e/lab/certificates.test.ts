import assert from 'node:assert/strict';
import { test } from 'node:test';
import { certificatesOf } from './certificates.ts';
import { planNodes } from './network.ts';

test('a certificate says who its owner is to Kubernetes, and where it serves', () => {
  const certificates = certificatesOf('10.202.7.2', planNodes(2));
  const named = new Map(certificates.map((certificate) => [certificate.name, certificate]));
  assert.equal(named.size, certificates.length);
  const node = named.get('node-2');
  // The Node authorizer knows a kubelet by both.
  assert.equal(node?.commonName, 'system:node:node-2');
  assert.equal(node?.organization, 'system:nodes');
  assert.deepEqual(node?.subjects, ['DNS:node-2', 'IP:10.201.0.12']);
  const subjects = named.get('control-plane')?.subjects ?? [];
  for (const address of ['10.202.7.2', '10.201.0.1', '10.96.0.1', '127.0.0.1']) {
    assert.ok(subjects.includes(`IP:${address}`), address);
  }
  assert.ok(subjects.includes('DNS:kubernetes.default.svc'));
  // Whoever holds it may speak for anybody: it is issued by nobody else.
  const proxies = certificates.filter(({ issuer }) => issuer === 'front-proxy-ca');
  assert.deepEqual(
    proxies.map(({ name }) => name),
    ['front-proxy-client'],
  );
});
