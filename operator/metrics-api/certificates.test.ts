import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { connect, createServer } from 'node:tls';
import { type Certificates, renewed } from './certificates.ts';

const names = ['wscluster-operator-metrics.wscluster-system.svc', 'localhost'];
const NOW = Date.UTC(2026, 0, 1);
const MINUTE = 60_000;
const DAY = 86_400_000;

const at = (held: Certificates | undefined, wallMs: number) => renewed(held, { names, wallMs });
const serial = (pem: string) => new X509Certificate(pem).serialNumber;
const trusted = ({ authorities, certificate }: Certificates) =>
  authorities.some((one) =>
    new X509Certificate(certificate).verify(new X509Certificate(one).publicKey),
  );

describe('certificates of the metrics API', () => {
  it('are what OpenSSL takes for those of a server and its authority', (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'certificates-'));
    t.after(() => rmSync(folder, { recursive: true }));
    const { authorities, certificate } = at(undefined, Date.now());
    const [ca, crt] = [join(folder, 'ca.crt'), join(folder, 'tls.crt')];
    writeFileSync(ca, authorities.join(''));
    writeFileSync(crt, certificate);
    const strict = ['-x509_strict', '-purpose', 'sslserver', '-verify_hostname', names[0] ?? ''];
    const said = execFileSync('openssl', ['verify', '-CAfile', ca, ...strict, crt]).toString();
    assert.match(said, /: OK$/m);
    const read = new X509Certificate(certificate);
    assert.equal(read.ca, false);
    assert.equal(new X509Certificate(authorities[0] ?? '').ca, true);
    assert.equal(read.subjectAltName, names.map((name) => `DNS:${name}`).join(', '));
    assert.deepEqual(read.keyUsage, ['1.3.6.1.5.5.7.3.1']);
  });

  it('serve TLS 1.3 to whoever trusts the authority, and to nobody else', async (t) => {
    const held = at(undefined, Date.now());
    const server = createServer({ cert: held.certificate, key: held.key });
    t.after(() => server.close());
    server.on('tlsClientError', () => undefined);
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const { port } = server.address() as AddressInfo;
    const meet = async (ca: readonly string[]) => {
      const socket = connect({ port, host: '127.0.0.1', ca: [...ca], servername: names[0] });
      socket.on('error', () => undefined);
      await once(socket, 'secureConnect');
      const protocol = socket.getProtocol();
      socket.destroy();
      return protocol;
    };
    assert.equal(await meet(held.authorities), 'TLSv1.3');
    await assert.rejects(meet(at(undefined, Date.now()).authorities));
  });

  it('stay what they are for two thirds of their lives', () => {
    const held = at(undefined, NOW);
    assert.equal(at(held, NOW + MINUTE), held);
    assert.equal(at(held, NOW + 59 * DAY), held);
    const later = at(held, NOW + 61 * DAY);
    assert.notEqual(serial(later.certificate), serial(held.certificate));
    assert.deepEqual(later.authorities, held.authorities);
    assert.ok(trusted(later));
  });

  it('go over to a new authority in steps, each of which those of the last one trust', () => {
    const begin = NOW + 500 * DAY;
    const first = at(undefined, NOW);
    const [old] = first.authorities;
    // What serves was renewed by the old one all the time.
    const serving = at(first, NOW + 480 * DAY);
    const both = at(serving, begin);
    assert.equal(both.authorities.length, 2);
    assert.equal(both.authorities[1], old);
    assert.equal(both.certificate, serving.certificate, 'nobody trusts the new one yet');
    assert.equal(at(both, begin + 9 * MINUTE), both);
    const changed = at(both, begin + 10 * MINUTE);
    assert.notEqual(changed.certificate, both.certificate);
    assert.deepEqual(changed.authorities, both.authorities, 'a replica may serve with the old one');
    assert.ok(trusted(changed));
    assert.equal(at(changed, begin + 19 * MINUTE), changed);
    const done = at(changed, begin + 20 * MINUTE);
    assert.deepEqual(done.authorities, both.authorities.slice(0, 1));
    assert.ok(trusted(done));
    assert.equal(at(done, begin + 21 * MINUTE), done);
  });

  it('are made anew when they are of no use, and what serves when its names are others', () => {
    const held = at(undefined, NOW);
    for (const part of ['certificate', 'key', 'authorityKey'] as const) {
      const anew = at({ ...held, [part]: 'rubbish' }, NOW);
      assert.notDeepEqual(anew.authorities, held.authorities);
      assert.ok(trusted(anew));
    }
    const other = at(undefined, NOW);
    const mixed = at({ ...held, certificate: other.certificate, key: other.key }, NOW);
    assert.ok(trusted(mixed));
    assert.deepEqual(mixed.authorities, held.authorities);
    assert.notDeepEqual(at(held, NOW + 731 * DAY).authorities, held.authorities);
    const renamed = renewed(held, { names: ['other.svc'], wallMs: NOW + MINUTE });
    assert.equal(new X509Certificate(renamed.certificate).subjectAltName, 'DNS:other.svc');
  });
});
