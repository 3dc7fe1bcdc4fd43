import type { V1Volume, V1VolumeMount } from '@kubernetes/client-node';
import type { WsCluster } from '../../api/wscluster.ts';
import type { Raw } from '../../kube/objects.ts';
import { names } from './names.ts';

/**
 * Files that gateways read, and read again when they change. Each is optional: a gateway starts
 * without it, is not ready, and names in its status what it lacks; a pod that waits for a volume
 * says nothing.
 */

const SECRETS = '/etc/wscluster/secrets';
const RING = '/etc/wscluster/ring';

/** In the ring's ConfigMap: keys, and so names of files. */
export const RING_KEYS = { ring: 'ring.json', operatorKeys: 'operator-keys.json' } as const;

interface SecretFile {
  /** The gateway's setting that says where the file is. */
  readonly setting: string;
  readonly secret: string;
  readonly key: string;
  readonly file: string;
}

/** Everything that comes from Secrets. */
function secretFiles({ spec }: WsCluster): SecretFile[] {
  const { redis, auth } = spec;
  const certificate = redis.tls?.certificateSecretRef;
  const from = (
    setting: string,
    ref: { readonly name: string; readonly key: string } | undefined,
    file: string,
  ): SecretFile[] => (ref === undefined ? [] : [{ setting, secret: ref.name, key: ref.key, file }]);
  const ofCertificate = (key: string) =>
    certificate === undefined ? undefined : { name: certificate.name, key };
  return [
    ...from('redis.urlFile', redis.urlSecretRef, 'redis-url'),
    ...from('redis.passwordFile', redis.passwordSecretRef, 'redis-password'),
    ...from('redis.caFile', redis.tls?.caSecretRef, 'redis-ca.crt'),
    ...from('redis.certificateFile', ofCertificate('tls.crt'), 'redis-tls.crt'),
    ...from('redis.keyFile', ofCertificate('tls.key'), 'redis-tls.key'),
    ...from('redis.sentinelPasswordFile', redis.sentinel?.passwordSecretRef, 'sentinel-password'),
    ...from('auth.keysFile', auth.keysSecretRef, 'auth-keys.json'),
    ...from('auth.apiKeysFile', auth.apiKeysSecretRef, 'api-keys'),
  ];
}

/** The settings that name files, with the path of each. */
export function fileSettings(cluster: WsCluster): [string, string][] {
  return [
    ...secretFiles(cluster).map(({ setting, file }): [string, string] => [
      setting,
      `${SECRETS}/${file}`,
    ]),
    ['ring.file', `${RING}/${RING_KEYS.ring}`],
    ['admin.keysFile', `${RING}/${RING_KEYS.operatorKeys}`],
  ];
}

/** The Secret, and the key in it, from which a gateway's setting comes. */
export function secretOf(
  cluster: WsCluster,
  setting: string,
): { readonly secret: string; readonly key: string } | undefined {
  return secretFiles(cluster).find((file) => file.setting === setting);
}

/** Never with `subPath`: the kubelet would not bring changes into it. */
export const volumeMounts: Raw<V1VolumeMount>[] = [
  { name: 'secrets', mountPath: SECRETS, readOnly: true },
  { name: 'ring', mountPath: RING, readOnly: true },
];

export function volumes(cluster: WsCluster): Raw<V1Volume>[] {
  const sources = secretFiles(cluster).map(({ secret, key, file }) => ({
    secret: { name: secret, optional: true, items: [{ key, path: file }] },
  }));
  return [
    { name: 'secrets', projected: { sources } },
    { name: 'ring', configMap: { name: names.ringConfigMap(cluster), optional: true } },
  ];
}
