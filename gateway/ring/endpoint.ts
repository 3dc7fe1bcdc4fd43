import type { Member } from '../../protocol/ring.ts';

/** Stands for a pod's name in a template. */
const POD = '{pod}';

/**
 * The URL at which clients reach one pod and no other: a template with `{pod}` in it, or `address`
 * for the pod's own, inside a cluster. Undefined for `none`: clients cannot address a pod.
 */
export function endpointOf({ id, address }: Member, form: string): string | undefined {
  if (form === 'none') return undefined;
  return form === 'address' ? `ws://${address}/ws` : form.replaceAll(POD, id);
}
