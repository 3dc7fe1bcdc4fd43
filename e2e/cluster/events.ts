import type { Kubectl } from '../lab/kubectl.ts';
import type { ClusterName } from './cluster-state.ts';

/** As far as it is looked at. */
export interface KubeEvent {
  readonly involvedObject: { readonly name: string };
  readonly reason: string;
  readonly message: string;
}

/** Events about what has that name, or only those of a reason; the oldest first. */
export async function eventsAbout(
  kubectl: Kubectl,
  { namespace, name }: ClusterName,
  reason?: string,
): Promise<readonly KubeEvent[]> {
  const order = '--sort-by=.metadata.creationTimestamp';
  const { items } = (await kubectl.get('-n', namespace, 'events', order)) as {
    readonly items: readonly KubeEvent[];
  };
  const about = items.filter(({ involvedObject }) => involvedObject.name === name);
  return reason === undefined ? about : about.filter((event) => event.reason === reason);
}
