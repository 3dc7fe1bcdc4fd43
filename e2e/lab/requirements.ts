import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { aptGet, meetNeeds, type Need, onPath } from '../../scripts/testing/needs.ts';
import type { Say } from './artefacts.ts';

/** What this machine is, as far as it decides whether a lab can be. */
export interface Host {
  readonly platform: string;
  /** Undefined where users have none. */
  readonly uid: number | undefined;
  /** What `go version` says; undefined: there is none. */
  readonly go: () => string | undefined;
}

/** The first that fetches a newer one by itself where a module asks for it. */
const GO_MINOR = 21;

const thisHost = (): Host => ({
  platform: process.platform,
  uid: process.getuid?.(),
  go: () => {
    const { status, stdout } = spawnSync('go', ['version'], { encoding: 'utf8' });
    return status === 0 ? stdout : undefined;
  },
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
  need('lua5.4', ['lua5.4']),
  need('prometheus', ['prometheus']),
  need('nginx', ['nginx']),
  need('haproxy', ['haproxy']),
];

/** Why there can be no lab here whatever is installed, in one line; undefined: there can. */
export function hostProblem({ platform, uid, go }: Host = thisHost()): string | undefined {
  if (platform !== 'linux') return `a lab needs Linux; this is ${platform}`;
  if (uid !== 0) return 'a lab needs root, for namespaces, mounts and cgroups: try sudo';
  const said = go();
  const minor = Number(/go1\.(\d+)/.exec(said ?? '')?.[1] ?? 0);
  if (minor >= GO_MINOR) return undefined;
  const found = said === undefined ? 'there is none on the path' : `this is ${said.trim()}`;
  return `a lab needs Go 1.${GO_MINOR} or later, to build Kubernetes once; ${found}`;
}

/** Installs the Debian packages that are absent. What is missing still, a line each; [] is well. */
export async function meetLabNeeds(say: Say): Promise<string[]> {
  const problem = hostProblem();
  return problem === undefined ? meetNeeds(needs, aptGet(), say) : [problem];
}
