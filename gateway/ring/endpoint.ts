import type { Member } from '../../protocol/ring.ts';

/** Stand for a pod's name, and for its IP address, in a template. */
const [POD, IP] = ['{pod}', '{ip}'];

/**
 * The URL at which clients reach one pod and no other: a template with `{pod}` or `{ip}` in it,
 * or `address` for the pod's own, inside a cluster. Undefined for `none`: they cannot address it.
 */
export function endpointOf({ id, address }: Member, form: string): string | undefined {
  if (form === 'none') return undefined;
  if (form === 'address') return `ws://${address}/ws`;
  return form.replaceAll(POD, id).replaceAll(IP, labelOf(address));
}

/** As CoreDNS names an address of a headless Service: `10-0-0-7`, `fd00--7`. */
function labelOf(address: string): string {
  const host = address.slice(0, address.lastIndexOf(':'));
  return host.replace(/^\[|\]$/g, '').replace(/[.:]/g, '-');
}
