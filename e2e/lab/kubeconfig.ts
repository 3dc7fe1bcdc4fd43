import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

export interface KubeconfigOptions {
  /** Where the certificates are. */
  readonly certificates: string;
  /** Whose: the name of a certificate. */
  readonly user: string;
  /** URL of the API server. */
  readonly server: string;
}

/** Writes one that holds the certificates themselves, so that it can be copied anywhere. */
export async function writeKubeconfig(file: string, options: KubeconfigOptions): Promise<void> {
  const { certificates, user, server } = options;
  const base64 = (name: string) => readFile(join(certificates, name), 'base64');
  const cluster = { server, 'certificate-authority-data': await base64('ca.crt') };
  const credentials = {
    'client-certificate-data': await base64(`${user}.crt`),
    'client-key-data': await base64(`${user}.key`),
  };
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'lab', cluster }],
    users: [{ name: user, user: credentials }],
    contexts: [{ name: 'lab', context: { cluster: 'lab', user } }],
    'current-context': 'lab',
  };
  // JSON is YAML.
  await writeFile(file, `${JSON.stringify(config, undefined, 2)}\n`, { mode: 0o600 });
}
