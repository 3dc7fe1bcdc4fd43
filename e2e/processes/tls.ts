import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from './free-port.ts';
import { startRedis } from './redis-server.ts';

/** A certificate for 127.0.0.1 that signed itself, and its key: paths of two files (PEM). */
export interface Pair {
  readonly certificate: string;
  readonly key: string;
}

const SUBJECT = ['-subj', '/CN=wscluster', '-addext', 'subjectAltName=IP:127.0.0.1'];
const MAKE = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', ...SUBJECT];

/** Makes one in a folder. Throws where there is no openssl. */
export function makePair(folder: string, name = 'redis'): Pair {
  const pair = { certificate: join(folder, `${name}.pem`), key: join(folder, `${name}.key`) };
  execFileSync('openssl', [...MAKE, '-keyout', pair.key, '-out', pair.certificate], {
    stdio: 'pipe',
  });
  return pair;
}

/** Settings of a Redis, or a Sentinel, that is encrypted on this port. */
export const tlsConfig = (port: number, { certificate, key }: Pair) => ({
  'tls-port': String(port),
  'tls-cert-file': certificate,
  'tls-key-file': key,
  'tls-ca-cert-file': certificate,
  'tls-auth-clients': 'no',
});

export const asArguments = (config: Readonly<Record<string, string>>): string[] =>
  Object.entries(config).flatMap(([name, value]) => [`--${name}`, value]);

/** Why nothing can be encrypted here; undefined: it can. */
export async function tlsProblem(): Promise<string | undefined> {
  const folder = mkdtempSync(join(tmpdir(), 'wscluster-tls-'));
  try {
    const config = tlsConfig(await freePort(), makePair(folder));
    await (await startRedis({ args: ['--save', '', ...asArguments(config)] })).stop();
    return undefined;
  } catch (error) {
    // Before 7.2 the option is not known, later it is of no use.
    if (/Failed finding TLS support|>>> 'tls-port/.test(String(error))) {
      return 'this redis-server has no TLS';
    }
    if (/openssl ENOENT/.test(String(error))) return 'no openssl';
    throw error;
  } finally {
    rmSync(folder, { recursive: true });
  }
}
