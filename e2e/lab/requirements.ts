import { existsSync } from 'node:fs';
import { aptGet, meetNeeds, type Need, onPath } from '../../scripts/testing/needs.ts';
import type { Say } from './artefacts.ts';

/** What this machine is, as far as it decides whether a lab can be. */
export interface Host {
  readonly platform: string;
  /** Undefined where users have none. */
  readonly uid: number | undefined;
  readonly has: (program: string) => boolean;
}

const thisHost = (): Host => ({
  platform: process.platform,
  uid: process.getuid?.(),
  has: onPath,
});

const need = (name: string, packages: readonly string[], isPresent = () => onPath(name)): Need => ({
  name,
  packages,
  without: 'the lab needs it',
  isPresent,
});

const needs: readonly Need[] = [
  need('etcd', ['etcd-server']),
  need('containerd', ['containerd']),
  need('runc', ['runc']),
  need('the CNI plugins', ['containernetworking-plugins'], () => existsSync('/usr/lib/cni/bridge')),
  need('buildah', ['buildah']),
  need('busybox', ['busybox-static']),
  need('conntrack', ['conntrack']),
  need('iptables', ['iptables']),
  need('ip', ['iproute2']),
  need('unshare', ['util-linux']),
  need('openssl', ['openssl']),
  need('redis-server', ['redis-server']),
];

/** Why there can be no lab here whatever is installed, in one line; undefined: there can. */
export function hostProblem({ platform, uid, has }: Host = thisHost()): string | undefined {
  if (platform !== 'linux') return `a lab needs Linux; this is ${platform}`;
  if (uid !== 0) return 'a lab needs root, for namespaces, mounts and cgroups: try sudo';
  if (!has('go')) return 'a lab needs Go 1.25 or later on the path, to build Kubernetes once';
  return undefined;
}

/** Installs the Debian packages that are absent. What is missing still, a line each; [] is well. */
export async function meetLabNeeds(say: Say): Promise<string[]> {
  const problem = hostProblem();
  return problem === undefined ? meetNeeds(needs, aptGet(), say) : [problem];
}
