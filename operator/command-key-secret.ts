import type { V1Secret } from '@kubernetes/client-node';
import { CommandKey, newCommandKey } from './gateways/command-key.ts';
import type { ApiServer } from './kube/connection.ts';
import { isAlreadyExists, isNotFound } from './kube/kube-error.ts';
import type { Raw } from './kube/objects.ts';
import { pathOf, type Resource } from './kube/resource.ts';

export const secrets: Resource = {
  ...{ group: '', version: 'v1', plural: 'secrets', kind: 'Secret', namespaced: true },
};
export const COMMAND_KEY_SECRET = 'wscluster-operator-command-key';
const ENTRY = 'key.pem';

/**
 * The key by which gateways know the operator: in one Secret of the operator's namespace, made by
 * the first replica that needs it and shared by all. Throws a `KubeError`, and a `TypeError` that
 * names the Secret when what it holds is no key: another one would be made after it is deleted.
 */
export async function commandKey(
  api: ApiServer,
  namespace: string,
  signal: AbortSignal,
): Promise<CommandKey> {
  const found = (await read(api, namespace, signal)) ?? (await create(api, namespace, signal));
  const pem = Buffer.from(found.data?.[ENTRY] ?? '', 'base64').toString('utf8');
  try {
    return await CommandKey.read(pem);
  } catch (error) {
    const hint = 'delete it, and another one is made';
    throw new TypeError(
      `Secret ${COMMAND_KEY_SECRET} in ${namespace} holds no key in ${ENTRY}: ${hint}`,
      {
        cause: error,
      },
    );
  }
}

async function read(
  api: ApiServer,
  namespace: string,
  signal: AbortSignal,
): Promise<Raw<V1Secret> | undefined> {
  const path = pathOf(secrets, { namespace, name: COMMAND_KEY_SECRET });
  try {
    return (await api.call({ method: 'GET', path, signal })) as Raw<V1Secret>;
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

async function create(
  api: ApiServer,
  namespace: string,
  signal: AbortSignal,
): Promise<Raw<V1Secret>> {
  const body = {
    ...{ apiVersion: 'v1', kind: 'Secret', metadata: { name: COMMAND_KEY_SECRET, namespace } },
    ...{ type: 'Opaque', immutable: true },
    data: { [ENTRY]: Buffer.from(newCommandKey()).toString('base64') },
  };
  try {
    const path = pathOf(secrets, { namespace });
    return (await api.call({ method: 'POST', path, body, signal })) as Raw<V1Secret>;
  } catch (error) {
    if (!isAlreadyExists(error)) throw error;
    // Another replica was first.
    const theirs = await read(api, namespace, signal);
    if (theirs === undefined) throw error;
    return theirs;
  }
}
